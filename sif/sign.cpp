// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>

#include <unistd.h>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/integrity.h>

#include "dsse.h"
#include "metadata.h"
#include "object_digests.h"
#include "object_index.h"
#include "pgp.h"
#include "pgp_signer.h"

namespace sifkit::sif {

namespace {

/// A signature's text and what its descriptor says.
struct Made {
  std::string text;
  SignatureInfo info{HashType::sha256, {}};
};

/// The keys, unlocked before anything else is done.
class Signers {
 public:
  explicit Signers(std::span<const SigningKey> keys) {
    for (const auto& key : keys) add(key);
    if (asymmetric_.empty() && pgp_.empty()) throw Error(ErrorKind::usage, "no key to sign with");
  }

  /// One envelope for all PEM keys, then one message for each OpenPGP key.
  std::vector<Made> sign(const std::string& payload) const {
    std::vector<Made> out;
    if (!asymmetric_.empty()) out.push_back({write_envelope(payload, asymmetric_)});
    for (const auto& key : pgp_) {
      Made made{clear_sign(payload, key.packet, key.fingerprint, static_cast<std::uint32_t>(std::time(nullptr)))};
      std::copy(key.fingerprint.begin(), key.fingerprint.end(), made.info.fingerprint.begin());
      out.push_back(std::move(made));
    }
    return out;
  }

 private:
  void add(const SigningKey& key) {
    if (is_pem(key.text)) {
      asymmetric_.push_back(read_private_pem(key.text, key.name, key.passphrase));
      return;
    }
    const PgpKeyring ring(as_bytes(key.text), key.name);
    pgp_.push_back(ring.unlock({key.which, key.index}, key.passphrase));
  }

  std::vector<AsymmetricKey> asymmetric_;
  std::vector<PgpSecretKey> pgp_;
};

std::map<std::uint32_t, std::set<std::uint32_t>> chosen_objects(const ObjectIndex& index, const SignOptions& options) {
  std::map<std::uint32_t, std::set<std::uint32_t>> groups;
  const auto add_group = [&](std::uint32_t group) {
    for (const auto* member : index.members(group)) groups[group].insert(member->id);
  };
  for (const auto group : options.groups) {
    if (group == 0) throw Error(ErrorKind::usage, "invalid group ID");
    if (index.members(group).empty()) throw Error(ErrorKind::not_found, fmt::format("group {} not found", group));
    add_group(group);
  }
  for (const auto id : options.objects) {
    const auto* object = index.find(id);
    if (object == nullptr) throw Error(ErrorKind::not_found, fmt::format("object {} not found", id));
    if (object->group() == 0) throw Error(ErrorKind::usage, fmt::format("object {} is in no group", id));
    groups[object->group()].insert(id);
  }
  if (groups.empty()) {
    for (const auto* object : index.all()) {
      if (object->group() != 0) add_group(object->group());
    }
  }
  if (groups.empty()) throw Error(ErrorKind::not_found, "no groups found");
  return groups;
}

/// Data first, then the table, then the header: as the format's other writers do.
class Appender {
 public:
  Appender(const File& file, const Image& image, std::int64_t time)
      : file_(file), header_(image.header()), slots_(image.slots()), time_(time), end_(header_.data_offset) {
    for (const auto& slot : slots_) {
      if (slot.used) end_ = std::max(end_, slot.offset + slot.size);
    }
  }

  void add_signature(std::uint32_t group, const Made& made) {
    const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Descriptor& slot) { return !slot.used; });
    if (free == slots_.end()) throw Error(ErrorKind::limit, "insufficient descriptor capacity to add data object(s) to image");
    const auto id = static_cast<std::uint32_t>(free - slots_.begin()) + 1;
    if (std::any_of(slots_.begin(), slots_.end(), [&](const Descriptor& slot) { return slot.used && slot.id == id; })) {
      throw Error(ErrorKind::malformed, fmt::format("the id {} of the free descriptor is taken", id));
    }
    Descriptor object;
    object.type = DataType::signature;
    object.used = true;
    object.id = id;
    object.raw_group = kGroupMask;
    object.raw_link = group | kGroupMask;
    object.offset = end_;
    object.size = object.size_with_padding = static_cast<std::int64_t>(made.text.size());
    object.created = object.modified = time_;
    object.extra = encode_extra(made.info);
    file_.write_at(static_cast<std::uint64_t>(end_), as_bytes(made.text));
    end_ += object.size;
    *free = object;
    --header_.descriptors_free;
  }

  void finish() {
    header_.modified = time_;
    header_.data_size = end_ - header_.data_offset;
    ByteWriter table;
    for (const auto& slot : slots_) table.put(slot.used ? slot.encode() : Bytes(kDescriptorSize));
    file_.write_at(static_cast<std::uint64_t>(header_.descriptors_offset), table.bytes());
    file_.write_at(0, header_.encode());
  }

 private:
  const File& file_;
  Header header_;
  std::vector<Descriptor> slots_;
  std::int64_t time_;
  std::int64_t end_;
};

std::int64_t signing_time(const Image& image, const SignOptions& options) {
  if (options.time) return *options.time;
  if (image.header().is_deterministic()) return kNoTime;
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void copy_file(const File& from, const File& to, const OperationContext& operation) {
  std::uint64_t left = from.size();
  operation.progress->stage("copying", left);
  ::loff_t at = 0;
  while (left != 0) {
    operation.check();
    static constexpr std::size_t kPiece = 64u << 20;
    ::loff_t in = at;
    ::loff_t out = at;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
    ::ssize_t got = ::copy_file_range(from.fd(), &in, to.fd(), &out, want, 0);
    if (got <= 0) {
      // Not every file system can; a plain copy always can.
      Bytes buffer(1u << 20);
      got = static_cast<::ssize_t>(from.read_at(static_cast<std::uint64_t>(at), std::span(buffer).first(std::min(buffer.size(), want))));
      if (got == 0) throw Error(ErrorKind::io, fmt::format("{} has become shorter while it was read", in_quotes(from.name())));
      to.write_at(static_cast<std::uint64_t>(at), ByteView(buffer).first(static_cast<std::size_t>(got)));
    }
    at += got;
    left -= static_cast<std::uint64_t>(got);
    operation.progress->advance(static_cast<std::uint64_t>(got));
  }
}

}  // namespace

void sign_in_place(File& file, std::span<const SigningKey> keys, const SignOptions& options) {
  const Signers signers(keys);
  const int fd = ::dup(file.fd());
  if (fd < 0) throw_errno("duplicate a descriptor");
  const Image image(std::make_shared<File>(UniqueFd(fd), file.name()));
  if (!image.problems().empty()) throw Error(ErrorKind::malformed, fmt::format("a damaged image is not signed: {}", image.problems().front()));
  const ObjectIndex index(image);
  const auto groups = chosen_objects(index, options);
  std::vector<ObjectHash> wanted;
  for (const auto& [group, ids] : groups) {
    for (const auto id : ids) wanted.emplace_back(id, SignedHash::sha256);
  }
  const auto digests = hash_objects(image, wanted, options.threads, options.operation);
  Appender appender(file, image, signing_time(image, options));
  for (const auto& [group, ids] : groups) {
    ImageMetadata metadata;
    metadata.header = signed_digest_of(SignedHash::sha256, image.header().integrity_bytes());
    for (const auto id : ids) {
      metadata.objects.push_back({id - index.first_id(group), signed_digest_of(SignedHash::sha256, index.integrity_bytes(*index.find(id))),
                                  digests.at({id, SignedHash::sha256})});
    }
    for (const auto& made : signers.sign(write_metadata(metadata))) appender.add_signature(group, made);
  }
  appender.finish();
}

void sign(const std::filesystem::path& path, std::span<const SigningKey> keys, const SignOptions& options) {
  in_context([&] { return in_quotes(path.native()); }, [&] {
    const File old = File::open_read(path);
    struct stat status {};
    if (::fstat(old.fd(), &status) != 0) throw_errno("look at the file");
    AtomicFile target(path, Overwrite::yes, status.st_mode & 0777);
    copy_file(old, target.file(), options.operation);
    if (::fchmod(target.file().fd(), status.st_mode & 07777) != 0) throw_errno("set the file's mode");
    sign_in_place(target.file(), keys, options);
    options.operation.check();
    target.commit();
  });
}

}  // namespace sifkit::sif
