// Client of the scanner process: hands it messages and remembers what it said.
//
// Built by main(), outlives the reactors. Its state lives on one I/O context; inspect() and status() may be called
// from any thread. Messages that can't be looked into are Fault::later. supervisor looks after the processes.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ports/alarms.hpp"
#include "ports/inspector.hpp"
#include "ports/metrics.hpp"
#include "scan/keeper_process.hpp"
#include "vocabulary/node.hpp"

#include <boost/asio/io_context.hpp>
#include <memory>

namespace postern::scan {

class Scanner final : public ports::Inspector {
public:
    Scanner(boost::asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
            ports::Alarms& alarms, const vocabulary::Scanner& settings, ScannerPlace place);
    ~Scanner() override;

    /// Starts the process: while this one may still give it its sandbox (as root, before that is given up). Throws
    /// std::runtime_error where there is no such program.
    void spawn();
    /// Begins to work, on the context.
    void start();
    /// What follows a reload: deadline, and how old signatures may be. Thread-safe.
    void follow(const vocabulary::Scanner& settings);
    /// What waits is answered with a fault, and nothing new is taken. Thread-safe.
    void stop();
    /// Ends the process, as the destructor does. When the context runs no more.
    void end() noexcept;

    [[nodiscard]] boost::asio::awaitable<Result<vocabulary::Inspection>> inspect(ports::InspectionOrder order) override;
    [[nodiscard]] ports::InspectorStatus status() const override;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace postern::scan
