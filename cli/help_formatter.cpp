// SPDX-License-Identifier: Apache-2.0
#include "help_formatter.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kDescriptionWidth = 72;

/// Breaks a line between words; the library indents what follows a line feed.
std::string wrapped(std::string text) {
  for (std::size_t line = 0; text.size() - line > kDescriptionWidth;) {
    const auto space = text.rfind(' ', line + kDescriptionWidth);
    if (space == std::string::npos || space <= line) break;
    text[space] = '\n';
    line = space + 1;
  }
  return text;
}

}  // namespace

HelpFormatter::HelpFormatter() { label("Positionals", "Arguments"); }

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const {
  std::string out = "Usage: " + full_name(app);
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    out += " VERB";
  } else {
    for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
      const std::string word = option->get_type_name() + (option->get_expected_max() > 1 ? "..." : "");
      out += " " + (option->get_required() ? word : "[" + word + "]");
    }
  }
  return out + " [options]\n";
}

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

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const { return wrapped(option->get_description()); }

std::string full_name(const CLI::App* app) {
  std::string name = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) name = up->get_name() + " " + name;
  return name;
}

}  // namespace sifkit::cli
