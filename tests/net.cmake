# SPDX-License-Identifier: Apache-2.0
sifkit_test(net SOURCES unit/test_net_authorities.cpp unit/test_net_http_body.cpp unit/test_net_http_client.cpp
            LINK sifkit_net sifkit_core OpenSSL::SSL OpenSSL::Crypto)
