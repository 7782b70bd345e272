// SPDX-License-Identifier: Apache-2.0
#include "squashfs/content_namer.h"

#include <sifkit/core/resources.h>

#include "squashfs/tree_reader.h"

namespace sifkit::layers {

ContentNamer::ContentNamer() { fill_random(std::as_writable_bytes(std::span(mark_))); }

ContentNamer::ContentNamer(const ContentNamer& like, int)
    : blocks_(like.blocks_, 0), list_(like.list_, 0), mark_(like.mark_) {}

void ContentNamer::start() {
  only_first_ = listing_ = false;
  at_ = zeros_ = 0;
}

ContentKey ContentNamer::add_block(ByteView bytes) {
  if (all_zero(bytes)) {
    add_zeros(bytes.size());
    return kZeros;
  }
  const ContentKey name = blocks_.of(bytes);
  if (at_ == 0) {
    first_ = name;
    only_first_ = true;
  } else {
    end_zeros();
    add(name);
  }
  at_ += bytes.size();
  return name;
}

void ContentNamer::add_zeros(std::uint64_t bytes) {
  zeros_ += bytes;
  at_ += bytes;
}

void ContentNamer::add(std::span<const std::uint64_t> words) {
  if (!listing_) list_.start();
  listing_ = true;
  if (only_first_) list_.update(std::as_bytes(std::span(first_)));
  only_first_ = false;
  list_.update(std::as_bytes(words));
}

void ContentNamer::end_zeros() {
  if (zeros_ == 0) return;
  const std::uint64_t mark[] = {mark_[0], mark_[1], at_ - zeros_, at_};
  add(mark);
  zeros_ = 0;
}

ContentKey ContentNamer::finish() {
  end_zeros();
  if (only_first_) return first_;
  const std::uint64_t length[] = {at_};
  add(length);
  return list_.finish();
}

}  // namespace sifkit::layers
