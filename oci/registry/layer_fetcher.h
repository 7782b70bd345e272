// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <sifkit/core/stream.h>

namespace sifkit::oci {

/// Fetches streams that are wanted one after another over several connections at once. What is wanted now passes
/// through; what comes before its turn waits in memory and, beyond some of that, in unnamed scratch files.
class LayerFetcher {
 public:
  static constexpr std::size_t kWindow = std::size_t{8} << 20;    ///< ahead of the reader of one stream, in memory
  static constexpr std::size_t kWaiting = std::size_t{32} << 20;  ///< of all streams before their turn, in memory
  static constexpr std::size_t kAhead = 16;                       ///< streams that may be begun before their turn

  /// Called on threads of the fetcher.
  using Open = std::function<std::unique_ptr<Source>(std::size_t index)>;

  /// `order`: the indexes, in the order in which they are going to be wanted. Nothing is fetched before the first
  /// `take`.
  LayerFetcher(std::vector<std::size_t> order, unsigned connections, Open open, std::filesystem::path scratch);
  /// Waits for what its threads are doing: whoever wants it to be short stops their streams first.
  ~LayerFetcher();
  LayerFetcher(const LayerFetcher&) = delete;
  LayerFetcher& operator=(const LayerFetcher&) = delete;

  /// The next one in the order, if that is the one and the system has a thread for it; else nothing. Errors come where
  /// the stream is read.
  std::unique_ptr<Source> take(std::size_t index);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sifkit::oci
