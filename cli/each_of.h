// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/error.h>

#include "commands.h"

namespace sifkit::cli {

/// Does `what` with each item, whatever becomes of the others; the exit code of the first error, 0 where there is none.
/// The error of an item that is the only one is thrown, for it is the verb's own, and so is a stop request.
template <class Items, class What>
int for_each_of(const Items& items, Session& session, const What& what) {
  int code = 0;
  for (const auto& item : items) {
    try {
      what(item);
    } catch (const Error& error) {
      if (items.size() == 1 || error.kind() == ErrorKind::cancelled) throw;
      session.progress->done();
      report_error(session, error);
      if (code == 0) code = exit_code(error.kind());
    }
  }
  return code;
}

}  // namespace sifkit::cli
