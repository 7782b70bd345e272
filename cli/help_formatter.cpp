// SPDX-License-Identifier: Apache-2.0
#include "help_formatter.h"

#include <algorithm>

#include "option_list.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kLineWidth = 80;
constexpr std::size_t kNameColumn = 28;

/// Breaks a text between words where a line would have more than `width` bytes; `indent` begins each further line.
std::string wrapped(std::string_view text, std::size_t width, const std::string& indent) {
  std::string out;
  while (text.size() > width) {
    const auto space = text.rfind(' ', width);
    if (space == std::string_view::npos || space == 0) break;
    out.append(text.substr(0, space)).append("\n").append(indent);
    text.remove_prefix(space + 1);
  }
  return out.append(text);
}

std::string wrapped_beside_name(std::string_view text, const std::string& indent) { return wrapped(text, kLineWidth - kNameColumn, indent); }

}  // namespace

HelpFormatter::HelpFormatter() {
  label("Positionals", "Arguments");
  column_width(kNameColumn);
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string out = wrapped(app->get_description(), kLineWidth, {}) + "\n" + make_usage(app, std::move(name)) + make_positionals(app);
  auto groups = app->get_groups();
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& group) { return group != kCommonOptions; });
  for (const auto& group : groups) {
    const auto options = app->get_options([&](const CLI::Option* o) { return o->get_group() == group && !o->get_positional(); });
    if (!group.empty() && !options.empty()) out += make_group(group, false, options);
  }
  return out + make_subcommands(app, mode);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const { return wrapped(usage_line(app), kLineWidth, "         ") + "\n"; }

std::string HelpFormatter::make_positionals(const CLI::App* app) const {
  const auto positionals = app->get_options([](const CLI::Option* o) { return o->get_positional(); });
  return positionals.empty() ? std::string() : make_group(get_label("Positionals"), true, positionals);
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_type_name();
  std::string name = option->get_name(false, true);
  // The library shows the value that a negated flag sets.
  if (const auto value = name.find('{'); value != std::string::npos)
    name.erase(value, name.find('}', value) - value + 1);
  return name;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_expected_max() == 0) return {};
  return " " + option->get_type_name();
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return wrapped_beside_name(option->get_description(), {});  // the library indents what follows a line feed
}

std::string HelpFormatter::make_subcommand(const CLI::App* verb) const {
  const std::string name = "  " + verb->get_name();
  const auto gap = name.size() < kNameColumn ? kNameColumn - name.size() : 1;
  return name + std::string(gap, ' ') + wrapped_beside_name(verb->get_description(), std::string(kNameColumn, ' ')) + "\n";
}

std::string full_name(const CLI::App* app) {
  std::string name = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) name = up->get_name() + " " + name;
  return name;
}

std::string argument_words(const CLI::App* verb) {
  std::string out;
  for (const CLI::Option* option : verb->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string type = option->get_type_name();
    // "PATH... DEST" says it itself.
    const bool repeats = option->get_expected_max() > 1 && type.find(' ') == std::string::npos;
    const std::string word = type + (repeats ? "..." : "");
    out += (out.empty() ? "" : " ") + (option->get_required() ? word : "[" + word + "]");
  }
  return out;
}

std::string usage_line(const CLI::App* app) {
  const auto words = is_group(*app) ? "VERB" : argument_words(app);
  return "Usage: " + full_name(app) + (words.empty() ? "" : " " + words) + " [options]";
}

}  // namespace sifkit::cli
