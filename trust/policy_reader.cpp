// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/verify_policy.h>

#include <algorithm>
#include <climits>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "key_files.h"
#include "verification.h"

namespace sifkit::trust {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSchema = "sifkit/verify-policy/v1";
constexpr std::uint64_t kMaxThreshold = 64;  ///< where no keys are named
constexpr std::uint64_t kMaxBits = 16384;
constexpr std::size_t kMaxValues = 1024;  ///< of one list, which is searched for what is in it twice

struct FormatWord {
  std::string_view word;
  SignatureFormat format;
};
constexpr FormatWord kFormats[] = {{"pgp", SignatureFormat::pgp}, {"dsse", SignatureFormat::dsse}, {"x509", SignatureFormat::x509}};

struct FamilyWord {
  std::string_view word;
  KeyFamily family;
};
constexpr FamilyWord kFamilies[] = {{"rsa", KeyFamily::rsa}, {"dsa", KeyFamily::dsa}, {"ec", KeyFamily::elliptic}};

[[noreturn]] void malformed(const JsonView& where, std::string_view why, Hint hint = {}) {
  throw Error(ErrorKind::malformed, fmt::format("{}: {}", where.place(), why), std::move(hint));
}

/// Absence is told from null, which is a wrong type.
bool has(const JsonView& object, std::string_view key) { return object.value().contains(key); }

bool flag(const JsonView& rule, std::string_view key) {
  if (!has(rule, key)) return false;
  if (rule[key].is_null()) rule[key].fail("true or false");
  return rule[key].boolean_or(false);
}

std::uint64_t number_in(const JsonView& view, std::uint64_t least, std::uint64_t most) {
  const auto number = view.unsigned_number();
  if (number < least || number > most) malformed(view, fmt::format("expected {} to {}, got {}", least, most, number));
  return number;
}

/// Of a list that is there: one value at the least, and none twice.
template <class Read>
auto values_of(const JsonView& list, Read&& read) {
  list.require_array();
  if (list.size() == 0) malformed(list, "the list is empty, which nothing can satisfy");
  if (list.size() > kMaxValues) throw Error(ErrorKind::limit, fmt::format("{}: {} values are over the limit of {}", list.place(), list.size(), kMaxValues));
  std::vector<decltype(read(list))> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto value = read(list.at(i));
    if (std::find(out.begin(), out.end(), value) != out.end()) malformed(list.at(i), "it is in the list twice");
    out.push_back(std::move(value));
  }
  return out;
}

std::string key_of(const JsonView& view) {
  const auto text = view.text();
  try {
    return normal_key(text);
  } catch (const Error& error) {
    malformed(view, error.message(), error.hint());
  }
}

SignatureFormat format_of(const JsonView& view) {
  const auto text = view.text();
  for (const auto& [word, format] : kFormats) {
    if (text == word) return format;
  }
  malformed(view, fmt::format("expected 'pgp', 'dsse' or 'x509', got {}", in_quotes(text)));
}

std::string directory_in(const JsonView& view) {
  const auto text = view.text();
  if (text.size() >= PATH_MAX) malformed(view, fmt::format("a path of {} bytes, which no file has", text.size()));
  const fs::path path(text);
  if (!text.starts_with('/') || text.find('\0') != std::string::npos || path.lexically_normal().native() != text || (text.size() > 1 && text.ends_with('/'))) {
    malformed(view, fmt::format("expected an absolute path without '.', '..', '//' and a '/' at its end, got {}", in_quotes(text)));
  }
  std::error_code unknown;
  const auto real = fs::weakly_canonical(path, unknown);
  if (!unknown && real != path) {
    malformed(view, fmt::format("{} leads over a symbolic link to {}, which no open file has in its path", in_quotes(text), in_quotes(real.native())), "write the path that it leads to");
  }
  return text;
}

PolicyRule rule_of(const JsonView& view, std::string place, bool is_default) {
  view.refuse_other_members({"path", "keys", "threshold", "formats", "key_bits", "legacy", "strict_layout"});
  PolicyRule rule;
  rule.place = std::move(place);
  if (is_default && has(view, "path")) malformed(view, "the default rule has no path");
  if (!is_default) rule.path = directory_in(view["path"]);
  if (has(view, "keys")) rule.keys = values_of(view["keys"], key_of);
  rule.threshold = rule.keys.empty() ? 1 : rule.keys.size();
  if (has(view, "threshold")) rule.threshold = number_in(view["threshold"], 1, rule.keys.empty() ? kMaxThreshold : rule.keys.size());
  if (has(view, "formats")) rule.formats = values_of(view["formats"], format_of);
  if (has(view, "key_bits")) {
    const auto bits = view["key_bits"];
    bits.refuse_other_members({"rsa", "dsa", "ec"});
    if (bits.size() == 0) malformed(bits, "it says nothing");
    for (const auto& [word, family] : kFamilies) {
      if (has(bits, word)) rule.min_bits[family] = static_cast<unsigned>(number_in(bits[word], 1, kMaxBits));
    }
  }
  rule.legacy = flag(view, "legacy");
  rule.strict_layout = flag(view, "strict_layout");
  return rule;
}

bool is_under(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || directory == "/" || path[directory.size()] == '/');
}

}  // namespace

std::string_view to_string(SignatureFormat format) noexcept { return kFormats[static_cast<std::size_t>(format)].word; }

VerifyPolicy VerifyPolicy::read(const fs::path& file, const Limits& limits) {
  const auto bytes = read_guarded(file, KeyPart::public_key);
  return parse(as_text(bytes), file.native(), limits);
}

VerifyPolicy VerifyPolicy::parse(std::string_view text, std::string name, const Limits& limits) {
  const std::string quoted = in_quotes(name);
  const Json document = parse_json(text, quoted, limits);
  const JsonView whole(document, quoted);
  const JsonView root(document, quoted + ": ");
  whole.require_object();
  if (const auto schema = root["schema"].text(); schema != kSchema) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: expected '{}', got {}", root["schema"].place(), kSchema, in_quotes(schema)));
  }
  whole.refuse_other_members({"schema", "rules", "default"});
  VerifyPolicy policy;
  policy.name_ = std::move(name);
  std::set<std::string> paths;
  if (has(root, "rules")) {
    const auto rules = root["rules"];
    rules.require_array();
    for (std::size_t i = 0; i < rules.size(); ++i) {
      policy.rules_.push_back(rule_of(rules.at(i), fmt::format("rules[{}]", i), false));
      if (!paths.insert(policy.rules_.back().path).second) malformed(rules.at(i)["path"], "another rule is for it");
    }
  }
  if (has(root, "default")) policy.rules_.push_back(rule_of(root["default"], "default", true));
  if (policy.rules_.empty()) malformed(whole, "there is no rule in it");
  return policy;
}

const PolicyRule* VerifyPolicy::rule_for(std::string_view path) const noexcept {
  const PolicyRule* best = nullptr;
  for (const auto& rule : rules_) {
    if ((rule.path.empty() || is_under(path, rule.path)) && (best == nullptr || rule.path.size() > best->path.size())) best = &rule;
  }
  return best;
}

}  // namespace sifkit::trust
