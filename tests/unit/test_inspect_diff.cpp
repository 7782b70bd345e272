// SPDX-License-Identifier: Apache-2.0
//
// What two images say of themselves: when two scripts do the same, and which facts differ.
#include <sifkit/core/json.h>
#include <sifkit/inspect/image_diff.h>

#include "image_facts.h"
#include "script_text.h"
#include "support/catch.h"

using namespace sifkit;
using namespace sifkit::inspect;

namespace {

std::string numbers_of(const std::vector<TextLine>& lines) {
  std::string out;
  for (const auto& line : lines) out += std::to_string(line.number) + " ";
  return out;
}

/// What both programs' scripts have.
const std::string kArguments = R"sh(CMDLINE_ARGS=""
for arg in "$@"; do
    CMDLINE_ARGS="${CMDLINE_ARGS} \"$arg\""
done
)sh";

const std::string kEnd = R"sh(if [ $# -gt 0 ]; then
    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${CMDLINE_ARGS}"
else
    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${OCI_CMD}"
fi
eval "set ${SINGULARITY_OCI_RUN}"
exec "$@")sh";

const std::string kEntrypointOnly = "if [ -z \"$OCI_CMD\" ] && [ -n \"$OCI_ENTRYPOINT\" ]; then\n";
const std::string kCmdOnly = "if [ -n \"$OCI_CMD\" ] && [ -z \"$OCI_ENTRYPOINT\" ]; then\n";

std::string by_arguments(const std::string& with, const std::string& without) {
  return "if [ $# -gt 0 ]; then\nSINGULARITY_OCI_RUN=\"" + with + "\"\nelse\nSINGULARITY_OCI_RUN=\"" + without +
         "\"\nfi\nfi\n";
}

std::string of_command(const std::string& cmd, const std::string& word) {
  return "#!/bin/sh\nOCI_ENTRYPOINT=''\nOCI_CMD='" + cmd + "'\n# words\n" +
         "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then\n" +
         "    if [ $# -eq 0 ]; then\n        set -- '" + word + "' \"$@\"\n    fi\n    exec \"$@\"\nfi\n" +
         kArguments + kEnd;
}

/// The same in other words: a case for each of the two.
std::string of_other_program(const std::string& cmd, const std::string& word) {
  const std::string set = "        set -- '" + word + "' \"$@\"\n\n";
  return "#!/bin/sh\nOCI_ENTRYPOINT=''\nOCI_CMD='" + cmd + "'\n\nif [ -n \"$SINGULARITY_NO_EVAL\" ]; then\n" +
         kEntrypointOnly + "        \n        exec \"$@\"\n    fi\n" +  //
         kCmdOnly + "if [ $# -eq 0 ]; then\n" + set + "fi\nexec \"$@\"\nfi\n" +  //
         "if [ $# -eq 0 ]; then\n" + set + "fi\nexec \"$@\"\nfi\n" + kArguments +  //
         kEntrypointOnly + by_arguments("${OCI_ENTRYPOINT} ${CMDLINE_ARGS}", "${OCI_ENTRYPOINT}") +  //
         kCmdOnly + by_arguments("${CMDLINE_ARGS}", "${OCI_CMD}") + kEnd;
}

ImageFacts of_script(const std::string& path, const std::string& text) {
  ImageFacts out;
  out.environment[path] = text;
  return out;
}

/// "name: before -> after" of each.
std::string changes_of(const ImageFacts& before, const ImageFacts& after) {
  std::string out;
  for (const auto& change : fact_changes(before, after)) {
    out += change.name + ": " + change.before.value_or("nothing") + " -> " + change.after.value_or("nothing") + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("comments and blank lines of a script do not count, but for what may be data", "[inspect][diff]") {
  CHECK(numbers_of(acting_lines("#!/bin/sh\n\n# a\n  # b\na # c\n\n")) == "1 5 ");
  CHECK(numbers_of(acting_lines("# a\na '\n# b\n\n'\n# c\nd \"\n# e\n\"\n# f\n")) == "2 3 4 5 7 8 9 ");
  CHECK(numbers_of(acting_lines("a <<E\n# b\nE\n# c\n")) == "1 2 3 4 ");
  CHECK(numbers_of(acting_lines("a=\"${A:-\"\n# b\n\"}\"\n# c\n")) == "1 2 3 4 ");
  CHECK(numbers_of(acting_lines("a \\\n# b\n# c\nd $# ${a#b} '#' it\\'s\n# e\n")) == "1 2 4 ");
  CHECK(numbers_of(acting_lines("a \"$(b)\" \"${c}\" `d`\n# e\nf\n")) == "1 3 ");
  CHECK(numbers_of(acting_lines("a $'\\''\n# b\n")) == "1 2 ");
  CHECK(same_script("#!/bin/sh\n# one\na\n", "#!/bin/sh\na"));
  CHECK_FALSE(same_script("#!/bin/sh\na '\n# one'\n", "#!/bin/sh\na '\n# two'"));
  CHECK_FALSE(same_script("#!/bin/sh\na\n", "#!/bin/bash\na"));
  CHECK_FALSE(same_script("", "#!/bin/sh\n"));
}

TEST_CASE("what looks like a comment counts where no shell reads it", "[inspect][diff]") {
  for (const auto* shell : {"#!/bin/sh", "#! /usr/bin/bash -e", "#!/usr/bin/env zsh", "#!/usr/bin/env -S ksh -e"}) {
    INFO(shell);
    CHECK(numbers_of(acting_lines(std::string(shell) + "\n# c\na\n")) == "1 3 ");
  }
  for (const auto* other : {"#!/usr/bin/env node", "#!/usr/bin/python3", "#!", "#!/usr/bin/env"}) {
    INFO(other);
    CHECK(numbers_of(acting_lines(std::string(other) + "\n# c\n\na\n")) == "1 2 3 4 ");
  }
  CHECK_FALSE(same_script("#!/usr/bin/env node\na = `\n# c\n`\n", "#!/usr/bin/env node\na = `\n# d\n`\n"));
  // A shell reads it whatever it says.
  CHECK(numbers_of(acting_lines("#!/usr/bin/env node\n# c\na\n", ScriptUse::sourced)) == "3 ");
}

TEST_CASE("scripts of the same command in the words of two programs are the same", "[inspect][diff]") {
  const auto ours = of_command(R"("/bin/a")", "/bin/a");
  const auto others = of_other_program(R"("/bin/a")", "/bin/a");
  CHECK(is_of_entrypoint(ours));
  CHECK(is_of_entrypoint(others));
  CHECK(same_script(ours, others));
  CHECK(same_script(others, ours));
  CHECK_FALSE(same_script(ours, of_other_program(R"("/bin/b")", "/bin/b")));
  // Somebody has changed one of them.
  CHECK_FALSE(same_script(ours, of_command(R"("/bin/a")", "/bin/b")));
  for (const auto& changed : {others + "\nexit", "#!/bin/sh\n" + others, others + " x"}) {
    CHECK_FALSE(is_of_entrypoint(changed));
    CHECK_FALSE(same_script(ours, changed));
  }
  CHECK_FALSE(same_script(ours, of_other_program(R"("/bin/a")", "/bin/b")));
  // Lines that are all known, but one too many.
  for (const auto& script : {ours, others}) {
    auto more = script;
    more.insert(more.find("CMDLINE_ARGS="), "exec \"$@\"\n");
    CHECK_FALSE(is_of_entrypoint(more));
    CHECK_FALSE(same_script(ours, more));
  }
}

TEST_CASE("scripts that only set variables are compared by variable", "[inspect][diff]") {
  const std::string path = "/.singularity.d/env/10-docker2singularity.sh";
  const auto before = of_script(path, "#!/bin/sh\nexport PATH=\"/bin:\\$x\"\nexport A=\"${A:-\"b \\\"c\\\" # d\"}\"\n"
                                      "export HOME=\"${HOME:-\"/root\"}\"\nexport C=\"${C:-}\"");
  const auto after = of_script(path, "#!/bin/sh\n# words\nif [ -z \"${A:-}\" ]; then A=\"b \\\"c\\\" # d\"; fi\n"
                                     "export A\nexport C=''\nexport PATH='/bin:'\"\\$x\"");
  CHECK(changes_of(before, after) == "");
  auto more = after;
  more.environment["/.singularity.d/env/90-environment.sh"] = "#!/bin/sh\nexport A=1\nexport D=\"${D:-\"2\"}\"\n";
  CHECK(changes_of(before, more) == "environment A: b \"c\" # d -> 1\nenvironment D: nothing -> 2\n");
  // What the value is depends on where it runs.
  const auto first = of_script(path, "export A=$B");
  const auto second = of_script(path, "export A=$C");
  CHECK(changes_of(first, second) == "environment " + path + ": export A=$B -> export A=$C\n");
  CHECK(changes_of(first, of_script(path, "#!/bin/sh\n# words\nexport A=$B\n")) == "");
  for (const auto* text : {"export A=\"`b`\"", "export A=~", "export A='b", "export 1=2", "A=1", "unset A b",
                           "unset -f A", "export A", "export A=1\nunset A\nexport A", "export A=1; b",
                           "if [ -z \"${A:-}\" ]; then B=\"1\"; fi"}) {
    INFO(text);
    CHECK_FALSE(exports_of(text));
  }
}

TEST_CASE("a variable that a script unsets is not there", "[inspect][diff]") {
  const std::string first = "/.singularity.d/env/10-docker2singularity.sh";
  const std::string last = "/.singularity.d/env/90-environment.sh";
  const auto facts = [&](const std::string& a, const std::string& b) {
    auto out = of_script(first, a);
    out.environment[last] = b;
    return out;
  };
  const auto set = facts("export FOO=a\nexport EMPTY=x\n", "# words\nexport FOO=new\n");
  const auto edited =
      facts("export FOO=a\nexport EMPTY=x\n", "# words\nunset EMPTY\n# more\nexport FOO=new\n");
  CHECK(changes_of(set, edited) == "environment EMPTY: x -> nothing\n");
  CHECK(changes_of(facts("export FOO=a\n", "unset FOO\n"), facts("export FOO=b\n", "unset FOO\n")) == "");
}

TEST_CASE("no variable is claimed where a script is not understood", "[inspect][diff]") {
  const std::string first = "/.singularity.d/env/10-docker2singularity.sh";
  const auto facts = [&](const std::string& text) {
    auto out = of_script(first, text);
    out.environment["/.singularity.d/env/90-environment.sh"] = "export FOO=$BAR";
    return out;
  };
  CHECK(changes_of(facts("export FOO=a"), facts("export FOO=b")) ==
        "environment " + first + ": export FOO=a -> export FOO=b\n");
  CHECK(changes_of(facts("export FOO=a"), facts("unset FOO")) ==
        "environment " + first + ": export FOO=a -> unset FOO\n");
  // The same in other words.
  CHECK(changes_of(facts("export FOO=a"), facts("#!/bin/sh\nexport FOO=\"a\"\n")) == "");
}

TEST_CASE("an export without a value has the last one that was given", "[inspect][diff]") {
  const auto exports = exports_of("export A=1\nexport B=2\nexport A=3\nexport A\n");
  REQUIRE(exports);
  CHECK(exports->back().value == "3");
}

TEST_CASE("a difference of scripts is shown by its first line", "[inspect][diff]") {
  const auto line = [](const std::string& before, const std::string& after, bool script) {
    const auto change = first_line_change({"test", before, after, script});
    const auto text = [](const std::optional<NumberedLine>& at) {
      return at ? std::to_string(at->number) + " " + at->text : std::string("end");
    };
    return text(change.before) + ", " + text(change.after);
  };
  CHECK(line("a\n# x\nb\nc", "a\nb\nd", true) == "4 c, 3 d");
  CHECK(line("a\n# x\nb\nc", "a\nb\nd", false) == "2 # x, 2 b");
  CHECK(line("a", "a\n\nb", true) == "end, 3 b");
  // The shell that reads a script of the environment takes "#!" for a comment.
  const std::string path = "/.singularity.d/env/90-environment.sh";
  const auto changes =
      fact_changes(of_script(path, "#!/bin/bash\nfoo\nbar"), of_script(path, "#!/bin/sh\nfoo\nbaz"));
  REQUIRE(changes.size() == 1);
  const auto found = first_line_change(changes.front());
  REQUIRE((found.before && found.after));
  CHECK(found.before->number == 3);
  CHECK(found.after->text == "baz");
}

TEST_CASE("documents of images are compared by what says what the image is", "[inspect][diff]") {
  const auto facts = [](const std::string& document) {
    ImageFacts out;
    out.oci_document = Json::parse(document);
    out.oci_config = Json::object();
    return out;
  };
  const auto before = facts(R"({"author":"A","os":"linux","created":"1","history":[],
                                "config":{"Memory":1,"Tty":false,"Entrypoint":[""]}})");
  const auto after = facts(R"({"author":"B","os":"linux","variant":"v8","created":"2",
                               "config":{"Memory":2,"Image":"sha256:1"}})");
  CHECK(changes_of(before, after) == "Memory: 1 -> 2\nauthor: A -> B\nvariant: nothing -> v8\n");
  // A container keeps no document.
  auto container = after;
  container.oci_document.reset();
  CHECK(changes_of(before, container) == "");
}
