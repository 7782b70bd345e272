// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sifkit::inspect {

extern const std::string_view kReportStyle;   ///< between <style> and </style>
extern const std::string_view kReportScript;  ///< between <script> and </script>

}  // namespace sifkit::inspect
