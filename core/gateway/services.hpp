// What both paths work with, built by main() and outliving them. References only; each thing says itself which
// threads may use it.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "directory/directory.hpp"
#include "gateway/generations.hpp"
#include "net/dns.hpp"
#include "ports/alarms.hpp"
#include "ports/inspector.hpp"
#include "ports/maintenance.hpp"
#include "ports/metrics.hpp"
#include "ports/probe.hpp"
#include "ports/rates.hpp"
#include "queue/schedule.hpp"
#include "store/mail_store.hpp"
#include "transform/trace_token.hpp"

namespace postern::gateway {

struct Services {
    const Clock& clock;
    Log& log;
    ports::Metrics& metrics;
    ports::Alarms& alarms;
    Generations& generations;
    store::MailStore& store;
    directory::Directory& directory;
    queue::Schedule& schedule;
    net::Dns& dns;
    const transform::TraceKey& trace_key;
    ports::Rates& rates;
    const ports::Maintenance& maintenance;
    ports::Inspector* inspector = nullptr;  ///< null: no scanner runs; what it would see is unknown
    ports::Probe* probe = nullptr;          ///< null: the service sends no mail to itself
};

}  // namespace postern::gateway
