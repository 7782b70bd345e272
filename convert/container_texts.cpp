// SPDX-License-Identifier: Apache-2.0
#include "container_texts.h"

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>

namespace sifkit {

using namespace layers;

ContentSink& ContainerTexts::Keeper::for_path(std::string_view path) {
  const bool of_app = path.starts_with("scif/apps/") && path.find("/scif/") != std::string_view::npos;
  return texts_.left_ != 0 && (is_in_runtime_directory(path) || of_app) ? *this : sink_;
}

void ContainerTexts::Keeper::begin(std::uint64_t size) {
  text_.clear();
  kept_ = size <= texts_.left_;
  if (kept_) texts_.left_ -= size;
  ForwardingSink::begin(size);
}

void ContainerTexts::Keeper::append(ByteView bytes) {
  if (kept_) text_ += as_text(bytes);
  ForwardingSink::append(bytes);
}

void ContainerTexts::Keeper::append_zeros(std::uint64_t count) {
  if (kept_) text_.append(static_cast<std::size_t>(count), '\0');
  ForwardingSink::append_zeros(count);
}

ContentId ContainerTexts::Keeper::end() {
  const ContentId id = ForwardingSink::end();
  if (kept_) texts_.texts_[static_cast<std::uint32_t>(id)] = std::move(text_);
  text_.clear();
  return id;
}

std::string ContainerTexts::text(ContentId content) const {
  if (content == kEmptyContent) return {};
  const auto at = texts_.find(static_cast<std::uint32_t>(content));
  if (at == texts_.end()) throw Error(ErrorKind::unsupported, "the file was not kept: it is large or a link from elsewhere");
  return at->second;
}

}  // namespace sifkit
