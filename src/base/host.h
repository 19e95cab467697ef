/* SPDX-License-Identifier: Apache-2.0 */
/* base/host.h: hosts of registries as people write them, HOST[:PORT], and the names in them (OCI distribution-spec,
 * "Pulling manifests"); one rule for all who pull, push or read. */
#ifndef VL_BASE_HOST_H
#define VL_BASE_HOST_H

#include <stdbool.h>

/* "registry.example.com", "127.0.0.1:5000", "[::1]:5000". */
bool vl_host_is_valid(const char *host);
/* Loopback: 127.0.0.0/8, [::1], localhost; the only hosts that are spoken to in plain HTTP without being asked. */
bool vl_host_is_loopback(const char *host);
/* Docker's registry, by any of its names: docker.io, index.docker.io, registry-1.docker.io. */
bool vl_host_is_docker(const char *host);
/* Who answers the API of a registry of this name: itself, but for Docker's; borrowed. */
const char *vl_host_of_api(const char *host);

#define VL_REPOSITORY_MAX 255u /* bytes */
/* "security-products/semgrep": steps of a-z and 0-9 with separators ".", "_", "__" or "-"s, joined by "/"; of any
 * length. */
bool vl_repository_is_formed(const char *name);
/* The same, and no longer than VL_REPOSITORY_MAX. */
bool vl_repository_is_valid(const char *name);
bool vl_tag_is_valid(const char *tag);

#endif
