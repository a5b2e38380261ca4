// The generation of policy in force, with what is built from it for running: TLS contexts and report texts.
//
// Thread-safe. Readers take a shared_ptr and keep it as long as they need; publishing swaps one pointer. The last
// reference to a retired generation is dropped by a thread of its own, never by an I/O thread.
#pragma once

#include "alert/ways.hpp"
#include "net/tls_context.hpp"
#include "policy/snapshot.hpp"
#include "report/templates.hpp"
#include "vocabulary/login.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace postern::gateway {

/// What is said to others, from files that the policy names.
struct Outward {
    vocabulary::Logins logins;
    std::shared_ptr<const alert::Keys> keys;
};

struct Generation {
    policy::SnapshotPtr policy;
    std::shared_ptr<net::ClientContexts> hops;  ///< TLS towards next hops, with our certificate
    report::Templates templates;
    Outward outward;
    Instant published{};
};
using GenerationPtr = std::shared_ptr<const Generation>;

class Generations {
public:
    Generations();
    ~Generations();

    /// Never null after the first publish().
    [[nodiscard]] GenerationPtr current() const;
    void publish(GenerationPtr next);

private:
    void reap();

    mutable std::mutex mutex_;
    GenerationPtr current_;
    std::vector<GenerationPtr> retired_;
    std::condition_variable changed_;
    bool stop_ = false;
    std::thread reaper_;
};

}  // namespace postern::gateway
