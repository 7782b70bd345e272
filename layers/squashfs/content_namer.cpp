// SPDX-License-Identifier: Apache-2.0
#include "squashfs/content_namer.h"

#include <span>

#include <sifkit/core/resources.h>

#include "squashfs/tree_reader.h"

namespace sifkit::layers {

ContentNamer::ContentNamer() { fill_random(std::as_writable_bytes(std::span(mark_))); }

ContentNamer::ContentNamer(const ContentNamer& like, int) : hash_(like.hash_, 0), mark_(like.mark_) {}

void ContentNamer::start() {
  hash_.start();
  at_ = zeros_ = 0;
}

void ContentNamer::add_block(ByteView bytes) {
  if (all_zero(bytes)) return add_zeros(bytes.size());
  end_zeros();
  hash_.update(bytes);
  at_ += bytes.size();
}

void ContentNamer::add_zeros(std::uint64_t bytes) {
  zeros_ += bytes;
  at_ += bytes;
}

void ContentNamer::end_zeros() {
  if (zeros_ == 0) return;
  const std::uint64_t mark[4] = {mark_[0], mark_[1], at_ - zeros_, at_};
  hash_.update(std::as_bytes(std::span(mark)));
  zeros_ = 0;
}

ContentKey ContentNamer::finish() {
  end_zeros();
  const std::uint64_t length[1] = {at_};
  hash_.update(std::as_bytes(std::span(length)));
  return hash_.finish();
}

}  // namespace sifkit::layers
