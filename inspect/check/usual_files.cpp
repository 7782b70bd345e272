// SPDX-License-Identifier: Apache-2.0
#include "usual_files.h"

#include <algorithm>

#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

// Of base installations and of what most packages pull in: Debian, Ubuntu, Fedora and its kin, openSUSE, Alpine, Arch.
constexpr std::string_view kSetuid[] = {
    "Xorg.wrap", "at", "bbsuid", "bsd-write", "chage", "chfn", "chsh", "crontab", "dbus-daemon-launch-helper",
    "doas", "expiry", "fusermount", "fusermount3", "gpasswd", "groupmems", "grub2-set-bootflag", "locate",
    "mlocate", "mount", "mount.cifs", "mount.nfs", "newgidmap", "newgrp", "newuidmap", "ntfs-3g",
    "pam_timestamp_check", "passwd", "ping", "ping6", "pkexec", "plocate", "polkit-agent-helper-1", "screen", "sg",
    "ssh-agent", "ssh-keysign", "su", "sudo", "sudoedit", "umount", "unix_chkpwd", "userhelper", "usernetctl",
    "utempter", "wall", "write"};
constexpr std::string_view kProgramDirectories[] = {
    "bin/", "sbin/", "lib/", "usr/bin/", "usr/sbin/", "usr/lib/", "usr/lib64/", "usr/libexec/"};

/// With a slash at its end, a directory and all that is in it.
constexpr std::string_view kClosed[] = {
    "boot/", "etc/.pwd.lock", "etc/at.deny", "etc/audit/", "etc/cron.d/", "etc/cron.daily/", "etc/cron.deny",
    "etc/cron.hourly/", "etc/cron.monthly/", "etc/cron.weekly/", "etc/crontabs/", "etc/crypttab", "etc/cups/",
    "etc/default/useradd", "etc/firewalld/", "etc/group-", "etc/grub.d/", "etc/gshadow", "etc/gshadow-",
    "etc/ipsec.d/", "etc/iptables/", "etc/libaudit.conf", "etc/nftables/", "etc/pacman.d/gnupg/", "etc/passwd-",
    "etc/pki/", "etc/polkit-1/", "etc/security/opasswd", "etc/shadow", "etc/shadow-", "etc/ssh/",
    "etc/ssl/private/", "etc/subgid-", "etc/subuid-", "etc/sudo.conf", "etc/sudoers", "etc/sudoers.d/",
    "lib/apk/db/", "lost+found/", "root/", "run/", "var/cache/", "var/db/sudo/", "var/empty/", "var/lib/apk/",
    "var/lib/apt/", "var/lib/dnf/", "var/lib/dpkg/", "var/lib/pacman/", "var/lib/polkit-1/", "var/lib/portage/",
    "var/lib/private/", "var/lib/rpm/", "var/lib/selinux/", "var/lib/sss/", "var/lib/systemd/", "var/lib/zypp/",
    "var/log/", "var/spool/"};

}  // namespace

bool is_usual_setuid(std::string_view path, const Inode& inode) {
  const auto name = name_of(path);
  return inode.metadata.uid == 0 && std::find(std::begin(kSetuid), std::end(kSetuid), name) != std::end(kSetuid) &&
         std::any_of(std::begin(kProgramDirectories), std::end(kProgramDirectories),
                     [&](auto directory) { return path.starts_with(directory); });
}

bool is_usually_closed(std::string_view path, const Inode& inode) {
  if (inode.type == EntryType::regular && (inode.metadata.mode & 06000) != 0 && is_usual_setuid(path, inode)) return true;
  return std::any_of(std::begin(kClosed), std::end(kClosed), [&](std::string_view closed) {
    if (!closed.ends_with('/')) return path == closed;
    return path.starts_with(closed) || path == closed.substr(0, closed.size() - 1);
  });
}

}  // namespace sifkit::check
