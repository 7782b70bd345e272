// SPDX-License-Identifier: Apache-2.0
#include "usage_error.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "help_formatter.h"
#include "one_of.h"
#include "option_list.h"

namespace sifkit::cli {

namespace {

/// How many slips of a finger lead from one word to the other: a letter too many, missing, wrong, or two exchanged.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0u : 1u), last[j + 1] + 1, row[j] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
    before = std::exchange(last, std::move(row));
  }
  return last[b.size()];
}

/// The only word that starts so, or the nearest by slips of a finger; nothing where none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  static constexpr std::size_t kMaxWord = 64;
  if (word.size() > kMaxWord) return {};
  const auto starts_so = [&](const std::string& each) { return word.size() > 2 && each.starts_with(word); };
  if (std::count_if(known.begin(), known.end(), starts_so) == 1) return *std::find_if(known.begin(), known.end(), starts_so);
  std::string best;
  std::size_t least = (word.size() < 2 ? 0 : word.size() < 6 ? 1 : 2) + 1;
  for (const auto& each : known) {
    if (const auto distance = edit_distance(word, each); distance < least) {
      least = distance;
      best = each;
    }
  }
  return best;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto& option : options_of(app)) {
    for (const auto& name : option.names) {
      if (name.starts_with("--")) names.push_back(name.substr(2));
    }
  }
  return names;
}

std::vector<std::string> verb_names(const CLI::App& group) {
  std::vector<std::string> names;
  for (const CLI::App* verb : listed_verbs(group)) names.push_back(verb->get_name());
  return names;
}

/// Verbs that other image tools have, and what there is here in their place.
struct ForeignVerb {
  std::string_view word;
  std::string_view instead;
};

constexpr ForeignVerb kForeignVerbs[] = {
    {"exec",
     "sifkit runs no containers: 'apptainer exec FILE COMMAND' does; 'sifkit ls' and 'sifkit cat' read files in the "
     "image"},
    {"run", "sifkit runs no containers: 'apptainer run FILE' does; 'sifkit inspect -r FILE' shows what it runs"},
    {"shell",
     "sifkit runs no containers: 'apptainer shell FILE' does; 'sifkit ls' and 'sifkit cat' read files in the image"},
    {"test", "sifkit runs no containers: 'apptainer test FILE' does; 'sifkit inspect -t FILE' shows the test script"},
    {"start", "sifkit runs no containers: 'apptainer instance start FILE NAME' does"},
    {"instance", "sifkit runs no containers: 'apptainer instance' does"},
    {"search", "images are not searched for; 'sifkit key search' asks a keyserver for keys"},
    {"remote",
     "'sifkit pull library://NAME' asks the library that Apptainer's remote.yaml or SIFKIT_LIBRARY names; 'sifkit key "
     "search', 'pull' and 'push' take --keyserver URL"},
    {"login", "'sifkit registry login HOST' keeps credentials"},
    {"logout", "'sifkit registry logout HOST' forgets them"},
    {"keyserver", "'sifkit key search', 'pull' and 'push' take --keyserver URL"},
    {"oci", "OCI layouts are a source: 'sifkit build OUT oci:DIR'"},
    {"delete", "a SIF file is removed by 'rm'; 'sifkit sif del ID FILE' deletes a data object"},
    {"config", "sifkit has no configuration file; 'sifkit man' lists the variables that it reads"},
    {"overlay", "'sifkit sif add --datatype 4 --parttype 4 FILE OVERLAY' adds an overlay partition"},
    {"convert", "'sifkit build OUT SRC' converts"},
    {"create", "'sifkit build OUT SRC' converts an image; 'sifkit sif new FILE' makes an empty SIF file"},
    {"save", "'docker save NAME | sifkit build OUT -' converts"},
    {"load", "'sifkit build OUT docker-archive:FILE' converts an archive"},
    {"siftool", "its verbs are those of 'sifkit sif'"},
    {"mount", "sifkit mounts nothing: 'sifkit ls' and 'sifkit cat' read files in the image"},
};

/// The verbs `word` of groups below, as they would have to be typed.
std::vector<std::string> verbs_of_groups(const CLI::App& group, std::string_view word) {
  std::vector<std::string> out;
  for (const CLI::App* inner : listed_verbs(group)) {
    for (const CLI::App* verb : listed_verbs(*inner)) {
      if (verb->get_name() == word) out.push_back(fmt::format("'{} {}'", inner->get_name(), word));
    }
  }
  return out;
}

Error usage(std::string message, std::string hint) { return {ErrorKind::usage, std::move(message), std::move(hint)}; }

std::string see_help(const CLI::App& app) {
  if (is_group(app)) return fmt::format("see '{} --help'", full_name(&app));
  auto line = usage_line(&app);
  line.front() = 'u';
  return fmt::format("{}; see '{} --help'", line, full_name(&app));
}

Error no_such_option(const CLI::App& app, std::string_view word) {
  const auto name = word.substr(0, word.find('='));
  const auto message = fmt::format("{} has no option {}", full_name(&app), in_quotes(name));
  const auto letters = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  if (const auto near = nearest(letters, option_names(app)); !near.empty()) return usage(message, fmt::format("did you mean '--{}'?", near));
  if (is_group(app)) return usage(message, fmt::format("options of a verb stand behind it; see '{} --help'", full_name(&app)));
  return usage(message, see_help(app));
}

Error too_many(const CLI::App& verb, std::string_view word) {
  return usage(fmt::format("{} is one argument too many", in_quotes(word)), see_help(verb));
}

/// Of "-dry-run" the parser leaves "-ry-run" where there is a switch -d: the argument as it was given.
std::string_view as_given(std::string_view word, std::span<const std::string> args) {
  if (word.starts_with("--")) return word;
  const auto left = word.substr(1);
  for (const auto& argument : args) {
    if (argument == word) return word;
    const bool is_cluster = argument.size() > 1 && argument[0] == '-' && argument[1] != '-';
    if (is_cluster && argument.ends_with(left) && argument.size() > left.size() + 1) return argument;
  }
  return word;
}

/// The first word that `app` itself, not a verb below it, could make nothing of.
std::optional<Error> unknown_word(const CLI::App& app, std::span<const std::string> args) {
  const auto options_end = std::find(args.begin(), args.end(), "--");
  for (const auto& word : app.remaining()) {
    if (word == "--") continue;
    const bool behind_options = std::find(args.begin(), options_end, word) == options_end && options_end != args.end();
    if (!behind_options && word.size() > 1 && word.starts_with('-')) return no_such_option(app, as_given(word, args));
    const CLI::App& reached = behind_options ? *deepest_chosen(app) : app;
    return is_group(reached) ? no_such_verb(reached, word) : too_many(reached, word);
  }
  return std::nullopt;
}

/// For an error of the library, "Could not convert: NAME = VALUE", which only values of switches get (numbers have ours).
std::optional<Error> bad_switch(const CLI::App& verb, std::string_view text) {
  static constexpr std::string_view kStart = "Could not convert: ";
  const auto equals = text.find(" = ");
  if (!text.starts_with(kStart) || equals == std::string_view::npos) return std::nullopt;
  const auto name = text.substr(kStart.size(), equals - kStart.size());
  return usage(fmt::format("{} is a switch: expected no value, found {}", printable(name), in_quotes(text.substr(equals + 3))), see_help(verb));
}

/// The option that an error of the library, "NAME: 1 required TYPE missing", is about.
const CLI::Option* valueless(const CLI::App& verb, std::string_view text) {
  for (const CLI::Option* option : verb.get_options()) {
    if (text.starts_with(option->get_name() + ":") && text.ends_with(" missing")) return option;
  }
  return nullptr;
}

}  // namespace

const CLI::App* deepest_chosen(const CLI::App& app) {
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  return chosen;
}

Error no_such_verb(const CLI::App& group, std::string_view word) {
  const auto message = group.get_parent() == nullptr
                           ? fmt::format("no verb {}", in_quotes(word))
                           : fmt::format("{} has no verb {}", in_quotes(full_name(&group)), in_quotes(word));
  if (group.get_parent() == nullptr) {
    const auto* const foreign = std::find_if(std::begin(kForeignVerbs), std::end(kForeignVerbs), [&](const ForeignVerb& verb) { return verb.word == word; });
    if (foreign != std::end(kForeignVerbs)) return usage(message, std::string(foreign->instead));
    if (const auto inner = verbs_of_groups(group, word); !inner.empty()) return usage(message, fmt::format("did you mean {}?", one_of(inner)));
  }
  const auto near = nearest(word, verb_names(group));
  return usage(message, near.empty() ? see_help(group) : fmt::format("did you mean '{}'?", near));
}

std::optional<Error> unknown_verb(const CLI::App& app) {
  const CLI::App& group = *deepest_chosen(app);
  const auto words = group.remaining();
  const auto word = std::find_if(words.begin(), words.end(), [](const std::string& each) { return !each.starts_with('-'); });
  return is_group(group) && word != words.end() ? std::optional(no_such_verb(group, *word)) : std::nullopt;
}

Error usage_error(const CLI::App& app, std::span<const std::string> args, const CLI::ParseError& error) {
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (kind == CLI::ExitCodes::ExtrasError || kind == CLI::ExitCodes::RequiredError) {
    for (const CLI::App* each = &app;; each = each->get_subcommands().front()) {
      if (auto unknown = unknown_word(*each, args)) return *unknown;
      if (each->get_subcommands().empty()) break;
    }
  }
  const CLI::App& verb = *deepest_chosen(app);
  if (kind == CLI::ExitCodes::RequiredError) {
    if (is_group(verb)) return usage("a verb is missing", fmt::format("{}; see '{} --help'", one_of(verb_names(verb)), full_name(&verb)));
    for (const CLI::Option* option : verb.get_options([](const CLI::Option* o) { return o->get_positional() && o->get_required() && o->count() == 0; })) {
      return usage(fmt::format("{} is missing", option->get_type_name()), see_help(verb));
    }
  }
  const auto* const option = kind == CLI::ExitCodes::ArgumentMismatch ? valueless(verb, error.what()) : nullptr;
  if (option != nullptr) {
    return usage(fmt::format("{} needs a value ({})", option->get_name(), option->get_type_name()), see_help(verb));
  }
  if (kind == CLI::ExitCodes::ConversionError) {
    if (auto bad = bad_switch(verb, error.what())) return *bad;
  }
  const std::string text = error.what();  // those of the library show what was typed as it is, ours do not
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return usage(plain ? text : printable(text), see_help(verb));
}

}  // namespace sifkit::cli
