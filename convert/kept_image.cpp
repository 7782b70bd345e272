// SPDX-License-Identifier: Apache-2.0
#include "kept_image.h"

#include <algorithm>
#include <map>
#include <utility>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit {

namespace {

constexpr std::uint64_t kMaxDocument = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxOfKind = 1'000'000;  ///< warnings, most of them only counted
constexpr std::size_t kMaxKind = 64;             ///< bytes of its name

/// One without warnings has another key than one with them: a document that is gone is not taken for no warnings.
Digest key_of(const std::string& made_of, std::string_view part) {
  return digest_of(as_bytes(made_of + "\n" + std::string(part)));
}

Json document_of(const WarningList& warnings) {
  Json listed = Json::array();
  Json counts = Json::object();
  for (const auto& warning : warnings.listed()) {
    counts[warning.kind] = warnings.count(warning.kind);
    listed.push_back({{"kind", warning.kind},
                      {"text", warning.text},
                      {"advice", static_cast<unsigned>(warning.hint.advice())},
                      {"argument", warning.hint.argument()},
                      {"words", warning.hint.words()}});
  }
  return {{"warnings", listed}, {"counts", counts}};
}

bool is_kind(std::string_view text) {
  return !text.empty() && text.size() <= kMaxKind &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

/// Whoever may write into the cache may have written it: words only, none of which a terminal obeys. Throws malformed.
void read_document(std::string_view text, WarningList& into) {
  const Json document = parse_json(text, "warnings in the cache");
  const JsonView view(document, "warnings in the cache: ");
  const auto listed = view["warnings"].require_array();
  const auto counts = view["counts"].require_object();
  std::map<std::string, std::uint64_t> seen;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const auto one = listed.at(i);
    const auto kind = one["kind"].text();
    const auto advice = one["advice"].unsigned_number();
    if (!is_kind(kind)) one["kind"].fail("the code of a warning");
    if (advice > static_cast<unsigned>(Advice::legacy)) one["advice"].fail("a known number");
    if (++seen[kind] > WarningList::kPerKind) listed.fail("fewer of a kind");
    into.add(kind, printable(one["text"].text()),
             {static_cast<Advice>(advice), printable(one["argument"].text()), printable(one["words"].text())});
  }
  for (const auto& [kind, shown] : seen) {
    const auto count = counts[kind].unsigned_number();
    const bool sound = shown == WarningList::kPerKind ? count >= shown && count <= kMaxOfKind : count == shown;
    if (!sound) counts[kind].fail("how many there are");
    for (auto more = shown; more < count; ++more) into.add(kind, {});  // only counted
  }
}

}  // namespace

std::optional<oci::Cache::KeptImage> find_kept_image(const oci::Cache& cache, const std::string& made_of,
                                                     WarningList& warnings) {
  if (auto kept = cache.find_image(key_of(made_of, "without warnings"))) return kept;
  const auto document = cache.find_image(key_of(made_of, "warnings"));
  if (!document || document->file->size() > kMaxDocument) return std::nullopt;
  auto kept = cache.find_image(key_of(made_of, "with warnings"));
  if (!kept) return std::nullopt;
  WarningList told;
  try {
    FileSource source(document->file);
    read_document(as_text(read_all(source, kMaxDocument, "warnings in the cache")), told);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return std::nullopt;  // then it is made again
  }
  warnings.add_all(told);
  return kept;
}

void keep_image(oci::Cache& cache, const std::string& made_of, const File& image, const Digest& digest,
                const WarningList& warnings, const std::filesystem::path& scratch) {
  if (warnings.total() == 0) return cache.keep_image(key_of(made_of, "without warnings"), image, digest);
  const auto& listed = warnings.listed();
  const bool too_many = std::any_of(listed.begin(), listed.end(),
                                    [&](const Warning& one) { return warnings.count(one.kind) > kMaxOfKind; });
  const auto text = document_of(warnings).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (too_many || text.size() > kMaxDocument) return;
  try {
    const auto file = open_scratch_file(scratch);
    file.write_at(0, as_bytes(text));
    cache.keep_image(key_of(made_of, "warnings"), file, digest_of(as_bytes(text)));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return;  // that nothing can be kept is no error
  }
  cache.keep_image(key_of(made_of, "with warnings"), image, digest);
}

}  // namespace sifkit
