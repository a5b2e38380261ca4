// What is counted: plain atomics that any thread adds to and control/ shows as Prometheus text and in status.
#pragma once

#include <atomic>
#include <cstdint>

namespace postern::ports {

using Counter = std::atomic<std::uint64_t>;

struct Metrics {
    Counter connections_open{0};
    Counter connections_total{0};
    Counter connections_refused{0};
    Counter strangers_refused{0};
    Counter handshakes_failed{0};
    Counter messages_accepted{0};
    Counter messages_refused{0};  ///< refused or deferred after DATA
    Counter recipients_refused{0};
    Counter bytes_accepted{0};
    Counter intake_bytes{0};          ///< of contents being received now
    Counter recipients_relayed{0};    ///< handed to a member's server
    Counter recipients_delivered{0};  ///< put into a hosted mailbox
    Counter recipients_failed{0};
    Counter attempts_deferred{0};
    Counter reports_made{0};
    Counter notices_made{0};        ///< messages that content rules had sent (notify)
    Counter notices_suppressed{0};  ///< over what one rule may tell one address
    Counter recipients_quarantined{0};
    Counter recipients_held{0};        ///< by a content rule
    Counter recipients_undecided{0};   ///< taken to be decided again
    Counter recipients_redirected{0};  ///< another recipient got it, by a content rule
    Counter quarantine_released{0};    ///< recipients
    Counter quarantine_deleted{0};     ///< deliveries, by people or because their time was over
    Counter rates_exceeded{0};         ///< recipients refused or deferred by a rate
    Counter permissions_refused{0};    ///< recipients refused by permissions.yaml
    Counter loops_stopped{0};
    Counter redirects_carried{0};
    Counter hops_unproved{0};  ///< next hops that could not prove themselves
    Counter delivery_connections{0};
    Counter inspections{0};              ///< messages that the scanner looked into
    Counter inspection_microseconds{0};  ///< that these took, waiting for a worker included
    Counter inspections_failed{0};       ///< messages that could not be looked into: deferred
    Counter inspections_remembered{0};   ///< answered without a scan: the same bytes were looked into before
    Counter viruses_found{0};            ///< messages in which a virus was found
    Counter scanner_workers_replaced{0};
    Counter signature_swaps{0};
    Counter alerts_made{0};
    Counter alerts_sent{0};     ///< on one way to one target
    Counter alerts_failed{0};   ///< given up on one way
    Counter events_dropped{0};  ///< more than the alerts engine could hold
    Counter reloads{0};
    Counter reloads_rejected{0};
};

}  // namespace postern::ports
