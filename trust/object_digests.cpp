// SPDX-License-Identifier: Apache-2.0
#include "object_digests.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>

namespace sifkit::trust {

using namespace sif;

namespace {

struct Job {
  const Descriptor* object;
  std::vector<SignedHash> hashes;
};

constexpr std::uint64_t kWorthAThread = 4u << 20;  ///< bytes of an object from which reading beside hashing pays

std::vector<SignedDigest> hash_one(const Image& image, const Job& job, std::atomic<std::uint64_t>& done, const OperationContext& operation) {
  std::vector<SignedHasher> hashers;
  for (const auto hash : job.hashes) hashers.emplace_back(hash);
  const auto hash_piece = [&](ByteView piece) {
    operation.check();
    for (auto& hasher : hashers) hasher.update(piece);
    done += piece.size();
  };
  auto source = image.open_data(*job.object);
  const auto size = static_cast<std::uint64_t>(job.object->size);
  if (size >= kWorthAThread) {
    ReadAhead ahead(std::move(source), ReadAhead::kForHashing);
    for (auto piece = ahead.next(); !piece.empty(); piece = ahead.next()) hash_piece(piece);
  } else {
    Bytes buffer(std::min<std::size_t>(static_cast<std::size_t>(size), ReadAhead::kForHashing));
    for (std::size_t got; !buffer.empty() && (got = source->read(buffer)) != 0;) hash_piece(ByteView(buffer).first(got));
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
  for (const auto* object : image.objects()) {
    if (const auto found = by_object.find(object->id); found != by_object.end()) jobs.push_back({object, std::move(found->second)});
  }
  // The largest first, so that no thread starts it when the others are done.
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.object->size > b.object->size; });

  std::uint64_t total = 0;
  for (const auto& job : jobs) total += static_cast<std::uint64_t>(std::max<std::int64_t>(job.object->size, 0));
  operation.progress->stage("hashing", total);

  std::map<ObjectHash, SignedDigest> out;
  std::mutex mutex;
  std::exception_ptr failure;
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> done = 0;
  const std::size_t wished = std::min<std::size_t>(std::max(threads, 1u), jobs.size());
  std::size_t stopped = 0;
  std::condition_variable ended;
  const auto work = [&] {
    for (std::size_t at; (at = next.fetch_add(1)) < jobs.size();) {
      try {
        const auto digests = hash_one(image, jobs[at], done, operation);
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < digests.size(); ++i) out.emplace(ObjectHash(jobs[at].object->id, jobs[at].hashes[i]), digests[i]);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::malformed) continue;  // it cannot match anything
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        next = jobs.size();
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        next = jobs.size();
      }
    }
    const std::lock_guard lock(mutex);
    ++stopped;
    ended.notify_one();
  };
  {
    std::vector<std::jthread> workers;
    try {
      while (workers.size() < wished) workers.push_back(start_background_thread(work));
    } catch (const std::system_error&) {
      // Fewer threads do the same work more slowly.
    }
    if (workers.empty()) work();
    // Progress is told from this thread only.
    std::uint64_t told = 0;
    std::unique_lock lock(mutex);
    while (!workers.empty() && !ended.wait_for(lock, std::chrono::milliseconds(100), [&] { return stopped == workers.size(); })) {
      const std::uint64_t now = done;
      operation.progress->advance(now - told);
      told = now;
    }
  }
  if (failure) std::rethrow_exception(failure);
  return out;
}

Digest file_digest(const Image& image, DigestAlgorithm algorithm, const OperationContext& operation) {
  operation.progress->stage("hashing the file", image.file_size());
  Hasher hasher(algorithm);
  hash_ahead(std::make_unique<FileSource>(image.file(), 0, image.file_size()), hasher, operation);
  return hasher.finish();
}

}  // namespace sifkit::trust
