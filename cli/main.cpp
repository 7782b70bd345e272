// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <new>

#include <unistd.h>

#include <sifkit/core/error.h>

#include "app.h"
#include "process.h"

int main(int argc, char** argv) {
  using namespace sifkit::cli;
  prepare_process();
  hush_libraries();
  try {
    const StopOnSignals stop;
    Console io = terminal_console(std::cout, std::cerr, stop.token());
    const std::vector<std::string> args(argv + 1, argv + argc);
    return stop.exit_code_or(run(args, io));
  } catch (const std::bad_alloc&) {
    static constexpr char kText[] = "sifkit: error: out of memory\n";
    [[maybe_unused]] const auto written = ::write(2, kText, sizeof kText - 1);
    return exit_code(sifkit::ErrorKind::limit);
  }
}
