# SPDX-License-Identifier: Apache-2.0
#
# Run by CPack on the files that it has gathered. Directories that were made on the way have what the umask of who packs left.
file(CHMOD_RECURSE "${CPACK_TEMPORARY_DIRECTORY}" DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
     GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
