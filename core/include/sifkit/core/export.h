// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks what the library exports; everything else is hidden.
#define SIFKIT_API __attribute__((visibility("default")))
