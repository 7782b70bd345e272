-- SPDX-License-Identifier: Apache-2.0
--
-- Lmod: copy it to modulefiles/sifkit/VERSION.lua; the program is in PREFIX/sifkit/VERSION/bin. Set PREFIX.
local prefix = "/opt/apps"
local version = myModuleVersion()
local root = pathJoin(prefix, "sifkit", version)

whatis("Name: sifkit")
whatis("Version: " .. version)
whatis("Description: converts container images to SIF, looks into them, signs and verifies them")
help([[sifkit build app.sif docker://NAME converts an image; sifkit help says more.]])

prepend_path("PATH", pathJoin(root, "bin"))
prepend_path("MANPATH", pathJoin(root, "share", "man"))
