# SPDX-License-Identifier: Apache-2.0
#
# What shortens builds without changing what they make. Each tool is used where it is there, none is required.

# ccache looks into precompiled headers only when it is told that macros may be taken as they are in them.
find_program(SIFKIT_CCACHE ccache)
if(SIFKIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${SIFKIT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${SIFKIT_CCACHE})
endif()

# Releases are linked by the platform's own linker.
if(SIFKIT_DEVELOPER_MODE)
  include(CheckLinkerFlag)
  foreach(linker mold lld)
    check_linker_flag(CXX -fuse-ld=${linker} SIFKIT_LINKER_${linker})
    if(SIFKIT_LINKER_${linker})
      add_link_options(-fuse-ld=${linker})
      break()
    endif()
  endforeach()
endif()

# Headers of others that most sources include. Sources still include what they use: the preset tsan builds without.
set(SIFKIT_PRECOMPILED_HEADERS
    <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstring> <deque> <filesystem> <functional> <map> <memory>
    <mutex> <optional> <span> <string> <string_view> <thread> <unordered_map> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)
