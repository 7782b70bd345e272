// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <iostream>
#include <new>

#include <sifkit/core/error.h>

#include "app.h"
#include "process.h"

int main(int argc, char** argv) {
  using namespace sifkit::cli;
  prepare_process();
  try {
    const StopOnSignals stop;
    Console io = terminal_console(std::cout, std::cerr, stop.token());
    const std::vector<std::string> args(argv + 1, argv + argc);
    return stop.exit_code_or(run(args, io));
  } catch (const std::bad_alloc&) {
    std::fputs("sifkit: error: out of memory\n", stderr);
    return exit_code(sifkit::ErrorKind::limit);
  }
}
