// libclamav: one signature set in memory, shared by fork, asked by the scanner's workers.
//
// One thread. Made and proved in a tree before workers are forked from it. libclamav's handles stay in
// virus_engine.cpp.
#pragma once

#include "base/fault.hpp"
#include "scan/protocol.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::scan {

class VirusEngine {
public:
    /// Loads the set and has it find the EICAR test file and pass a clean one. Fault (later): what was wrong with it.
    [[nodiscard]] static Result<std::unique_ptr<VirusEngine>> load(const vocabulary::Scanner& scanner,
                                                                   const std::string& temporary);
    ~VirusEngine();
    VirusEngine(const VirusEngine&) = delete;
    VirusEngine& operator=(const VirusEngine&) = delete;

    /// From now on temporary files go there: a worker's own folder.
    void use_folder(const std::string& folder);

    struct Finding {
        std::vector<std::string> viruses;
        std::vector<std::string> unscannable;  ///< "encrypted", "depth", "files", "size", "time", "broken", "macros"
    };
    using Moment = std::chrono::steady_clock::time_point;
    /// `mail`: bytes that look like mail are read as mail, with everything in it. What takes longer than `until` is
    /// unscannable: "time". Fault (later): it could not be scanned to the end.
    [[nodiscard]] Result<Finding> scan(std::string_view bytes, bool mail, Moment until) const;
    /// When a message that is begun now is to be given up: soon enough before its worker would be killed.
    [[nodiscard]] Moment give_up() const noexcept;

    /// What the files of one message may cost, as node.yaml declares it.
    [[nodiscard]] std::uint64_t archive_files() const noexcept;
    [[nodiscard]] std::uint64_t archive_size() const noexcept;

    [[nodiscard]] const std::string& version() const noexcept;
    [[nodiscard]] std::uint64_t signatures() const noexcept;
    /// Seconds since 1970 at which the set was made.
    [[nodiscard]] std::uint64_t made() const noexcept;

private:
    struct Impl;
    explicit VirusEngine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern::scan
