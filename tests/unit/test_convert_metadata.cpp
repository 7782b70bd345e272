// SPDX-License-Identifier: Apache-2.0
#include "container_metadata.h"
#include "support/catch.h"

using namespace sifkit;

TEST_CASE("a build date has no leading zeros and is in UTC", "[convert][labels]") {
  CHECK(build_date(1627931376) == "Monday_2_August_2021_19:9:36_UTC");
  CHECK(build_date(0) == "Thursday_1_January_1970_0:0:0_UTC");
}

TEST_CASE("labels of the build stand over those of the image", "[convert][labels]") {
  oci::ImageConfig config;
  config.config.labels = {{"a", "1"}, {"org.label-schema.build-arch", "image's"}};
  const TextMap labels = container_labels(config, "arm64", 0, "docker-archive", "x.tar");
  CHECK(labels.at("a") == "1");
  CHECK(labels.at("org.label-schema.build-arch") == "arm64");
  CHECK(labels.at("org.label-schema.usage.singularity.deffile.bootstrap") == "docker-archive");
  CHECK(labels.at("org.label-schema.usage.singularity.deffile.from") == "x.tar");
  CHECK(labels.at("org.label-schema.schema-version") == "1.0");
}

TEST_CASE("labels.json is sorted, indented by tabs and escaped as Go does", "[convert][labels]") {
  CHECK(labels_json({{"b", "x<y>&\n"}, {"B", "\xff"}}) ==
        "{\n\t\"B\": \"\\ufffd\",\n\t\"b\": \"x\\u003cy\\u003e\\u0026\\n\"\n}");
}

TEST_CASE("inspect-metadata.json leaves out what is empty and drops final line feeds", "[convert][metadata]") {
  ContainerAttributes attributes;
  attributes.environment = {{"/.singularity.d/env/10.sh", "a\n\n"}};
  attributes.labels = {{"k", "v"}};
  attributes.runscript = "#!/bin/sh\n";
  attributes.deffile = "bootstrap: docker\n\n";
  CHECK(inspect_metadata_json(attributes) ==
        "{\"data\":{\"attributes\":{\"environment\":{\"/.singularity.d/env/10.sh\":\"a\"},\"labels\":{\"k\":\"v\"},"
        "\"runscript\":\"#!/bin/sh\",\"deffile\":\"bootstrap: docker\"}},\"type\":\"container\"}");
  CHECK(inspect_metadata_json({}) == "{\"data\":{\"attributes\":{}},\"type\":\"container\"}");
}
