// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <sifkit/core/operation.h>
#include <sifkit/oci/registry.h>

namespace sifkit::oci {

/// Asks the program docker-credential-NAME for what it keeps for a server; nothing where it has no entry. It is run
/// without a shell, and what is secret passes through pipes only. Throws usage for a name that is none, not_found where
/// the program is missing, denied where it fails, network where it takes longer than `limit`, cancelled.
std::optional<RegistryCredentials> ask_credential_helper(const std::string& name, const std::string& server,
                                                         const OperationContext& operation,
                                                         std::chrono::milliseconds limit = std::chrono::seconds(30));

/// Throws not_found where the program is missing, before a user is asked for what it is to keep; usage.
void expect_credential_helper(const std::string& name);

/// Has the program keep a user's name and password. Throws as `ask_credential_helper`.
void store_in_credential_helper(const std::string& name, const std::string& server,
                                const RegistryCredentials& credentials, const OperationContext& operation);

/// Has the program forget them; false where it says that it knew none. Throws as `ask_credential_helper`.
bool erase_in_credential_helper(const std::string& name, const std::string& server, const OperationContext& operation);

}  // namespace sifkit::oci
