// SPDX-License-Identifier: Apache-2.0
//
// Which key is meant by what people write.
#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/readable.h>
#include <sifkit/core/text.h>
#include <sifkit/trust/pgp_key.h>

#include "pgp_packet.h"

namespace sifkit::trust {

namespace {

constexpr std::size_t kKeyIdDigits = 16;  ///< shorter ones are too easily forged

/// How well a text names a key. Only those that it names best are meant.
enum Fit : unsigned { kNot, kPart, kEmail, kWhole };

/// What is between the angle brackets at the end of a user id, or all of one that is nothing else.
std::string_view email_of(std::string_view id) {
  const auto open = id.rfind('<');
  if (open != std::string_view::npos && id.ends_with('>')) return id.substr(open + 1, id.size() - open - 2);
  return id.find('@') != std::string_view::npos && id.find(' ') == std::string_view::npos ? id : std::string_view();
}

Fit fit_of(std::string_view wanted, std::string_view user_id) {
  const std::string id = lower_case(user_id);
  if (id == wanted) return kWhole;
  const auto email = email_of(id);
  if (!email.empty() && (email == wanted || wanted == fmt::format("<{}>", email))) return kEmail;
  return id.find(wanted) != std::string::npos ? kPart : kNot;
}

Fit fit_of(const PgpKeyInfo& key, std::string_view digits, std::string_view wanted) {
  if (!digits.empty()) {
    const auto is = [digits](const std::string& fingerprint) { return fingerprint.ends_with(digits); };
    return is(key.fingerprint) || std::any_of(key.subkeys.begin(), key.subkeys.end(), is) ? kWhole : kNot;
  }
  Fit best = kNot;
  for (const auto* ids : {&key.user_ids, &key.revoked_user_ids}) {
    for (const auto& id : *ids) best = std::max(best, fit_of(wanted, id));
  }
  return best;
}

}  // namespace

std::string fingerprint_digits(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\t') continue;
    if (c >= '0' && c <= '9') {
      out += c;
    } else if ((c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f')) {
      out += static_cast<char>(c & ~0x20);
    } else {
      return {};
    }
  }
  return out.size() >= kKeyIdDigits && out.size() <= kFingerprintDigits ? out : std::string();
}

std::string require_fingerprint(std::string_view text) {
  auto digits = fingerprint_digits(text);
  if (digits.size() != kFingerprintDigits) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is not a full fingerprint ({} hex digits)", in_quotes(text), kFingerprintDigits),
                Advice::find_key);
  }
  return digits;
}

std::vector<std::size_t> keys_meant(std::span<const PgpKeyInfo> keys, std::string_view which) {
  const auto digits = fingerprint_digits(which);
  const auto wanted = lower_case(trimmed(which));
  if (wanted.empty()) throw Error(ErrorKind::usage, "an empty name means no key");
  std::vector<std::size_t> meant;
  Fit best = kPart;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Fit fit = fit_of(keys[i], digits, wanted);
    if (fit < best) continue;
    if (fit > best) meant.clear();
    best = fit;
    meant.push_back(i);
  }
  return meant;
}

std::string list_of_keys(std::span<const PgpKeyInfo> keys, const std::vector<std::size_t>* places) {
  constexpr std::size_t kMaxListed = 1000;
  std::string out;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].fingerprint.empty()) continue;
    if (places != nullptr && std::find(places->begin(), places->end(), i) == places->end()) continue;
    if (out.size() > kMaxListed) return out + " …";
    const auto user = keys[i].user_ids.empty() ? std::string() : " " + readable(keys[i].user_ids.front(), 80);
    out += fmt::format("{}[{}] {}{}", out.empty() ? "" : "; ", i, keys[i].fingerprint, user);
  }
  return out;
}

std::size_t key_meant(std::span<const PgpKeyInfo> keys, std::string_view which, std::string_view kind,
                      std::string_view place) {
  const auto meant = keys_meant(keys, which);
  if (meant.size() == 1) return meant.front();
  if (meant.size() > 1)
    throw Error(ErrorKind::usage,
                fmt::format("{} means several {} keys in {}", in_quotes(which), kind, in_quotes(place)),
                "give a fingerprint: " + list_of_keys(keys, &meant));
  const auto there = list_of_keys(keys);
  std::string digits(trimmed(which));
  if (digits.starts_with("0x")) digits.erase(0, 2);
  const bool is_short =
      digits.size() == kKeyIdDigits / 2 && digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  throw Error(ErrorKind::not_found, fmt::format("no {} key {} in {}", kind, in_quotes(which), in_quotes(place)),
              is_short ? fmt::format("a key ID of {} digits is too easily forged to mean a key: use {} or {} of them",
                                     digits.size(), kKeyIdDigits, kFingerprintDigits)
              : there.empty() ? ""
                              : "there are " + there);
}

}  // namespace sifkit::trust
