// SPDX-License-Identifier: Apache-2.0
#include "object_digests.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <sifkit/core/error.h>

namespace sifkit::sif {

namespace {

struct Job {
  const Descriptor* object;
  std::vector<SignedHash> hashes;
};

std::vector<SignedDigest> hash_one(const Image& image, const Job& job, const OperationContext& operation) {
  static constexpr std::size_t kPiece = 1u << 20;
  std::vector<SignedHasher> hashers;
  for (const auto hash : job.hashes) hashers.emplace_back(hash);
  const auto source = image.open_data(*job.object);
  Bytes buffer(kPiece);
  for (std::size_t got; (got = source->read(buffer)) != 0;) {
    operation.check();
    for (auto& hasher : hashers) hasher.update(ByteView(buffer).first(got));
  }
  std::vector<SignedDigest> out;
  for (auto& hasher : hashers) out.push_back(hasher.finish());
  return out;
}

}  // namespace

std::map<ObjectHash, SignedDigest> hash_objects(const Image& image, const std::vector<ObjectHash>& wanted, unsigned threads,
                                                const OperationContext& operation) {
  std::map<std::uint32_t, std::vector<SignedHash>> by_object;
  for (const auto& [id, hash] : wanted) {
    auto& hashes = by_object[id];
    if (std::find(hashes.begin(), hashes.end(), hash) == hashes.end()) hashes.push_back(hash);
  }
  std::vector<Job> jobs;
  for (auto& [id, hashes] : by_object) jobs.push_back({&image.object(id), std::move(hashes)});
  // The largest first, so that no thread starts it when the others are done.
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.object->size > b.object->size; });

  std::map<ObjectHash, SignedDigest> out;
  std::mutex mutex;
  std::exception_ptr failure;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t at; (at = next.fetch_add(1)) < jobs.size();) {
      try {
        const auto digests = hash_one(image, jobs[at], operation);
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < digests.size(); ++i) out.emplace(ObjectHash(jobs[at].object->id, jobs[at].hashes[i]), digests[i]);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::malformed) continue;  // it cannot match anything
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    const auto more = std::min<std::size_t>(threads, jobs.size());
    try {
      for (std::size_t i = 1; i < more; ++i) workers.emplace_back(work);
    } catch (const std::system_error&) {
      // Fewer threads do the same work more slowly.
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
  return out;
}

}  // namespace sifkit::sif
