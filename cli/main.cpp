// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "app.h"
#include "process.h"

int main(int argc, char** argv) {
  using namespace sifkit::cli;
  prepare_process();
  const StopOnSignals stop;
  Console io = terminal_console(std::cout, std::cerr, stop.token());
  const std::vector<std::string> args(argv + 1, argv + argc);
  return stop.exit_code_or(run(args, io));
}
