#include "gateway/policy_tests.hpp"

#include "base/glob.hpp"
#include "base/text.hpp"
#include "gateway/alert_tests.hpp"
#include "gateway/explanation.hpp"
#include "gateway/made_message.hpp"
#include "gateway/test_expectations.hpp"
#include "mail/mime.hpp"
#include "policy/directory_file.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

namespace postern::gateway {

namespace {

constexpr std::string_view folder = "tests/";
constexpr std::size_t worth_a_second_thread = 50;  ///< tests

struct ReadFile {
    policy::TestsFile tests;
    std::unique_ptr<PeopleIndex> people;  ///< null: those of directory.yaml
};

/// One test with what it needs.
struct Due {
    const policy::PolicyTest* test;
    const PeopleIndex* people;
};

class Run {
public:
    Run(const policy::SnapshotPtr& policy, const policy::FileSet& files, const PolicyTestOptions& options)
        : policy_(policy), files_(files), options_(options)
    {
        if (options_.now == Instant{}) options_.now = SystemClock().now();
    }

    PolicyTestReport finish() &&
    {
        read_files();
        if (policy::has_errors(report_.diagnostics)) return std::move(report_);
        const auto due = choose();
        report_.outcomes.resize(due.size());
        run_all(due);
        if (!stopped_.empty()) return given_up();
        run_alert_tests();
        report_.failed = static_cast<std::size_t>(
            std::ranges::count_if(report_.outcomes, [](const TestOutcome& o) { return !o.mismatches.empty(); }));
        if (options_.filter.empty()) name_unreached();
        return std::move(report_);
    }

private:
    void read_files()
    {
        if (const auto entries = files_.find("directory.yaml"); entries != files_.end()) {
            auto directory = policy::parse_directory_file(entries->second, "directory.yaml");
            if (policy::has_errors(directory.diagnostics))
                report_.diagnostics.insert(report_.diagnostics.end(), directory.diagnostics.begin(),
                                           directory.diagnostics.end());
            everybody_ = std::make_unique<PeopleIndex>(*policy_, people_of(directory.document));
        }
        for (const auto& [name, bytes] : files_) {
            if (!name.starts_with(folder) || !name.ends_with(".yaml")) continue;
            ReadFile read{policy::parse_tests_file(bytes, name, report_.diagnostics), nullptr};
            if (read.tests.people) read.people = std::make_unique<PeopleIndex>(*policy_, *read.tests.people);
            check(read.tests);
            read_.push_back(std::move(read));
        }
    }

    /// What only the policy knows to be wrong.
    void check(const policy::TestsFile& file)
    {
        policy::Source source(file.file, files_.find(file.file)->second, report_.diagnostics);
        for (const auto& test : file.tests) {
            if (!test.given.connects_from.empty() && !policy_->organisation(test.given.connects_from))
                source.error(test.place,
                             fmt::format("test \"{}\": there is no organisation \"{}\"", printable(test.name),
                                         test.given.connects_from),
                             did_you_mean(test.given.connects_from));
            const bool finds = !test.given.message.viruses.empty() || !test.given.message.unscannable.empty();
            if (finds && !policy_->needs().viruses)
                source.error(test.place,
                             fmt::format("test \"{}\" says what the scanner finds, but nobody looks for viruses",
                                         printable(test.name)),
                             "declare scanner: { signatures: /var/lib/clamav } in node.yaml");
            if (!test.given.message.file.empty() && !message_file(file.file, test.given.message.file))
                source.error(test.place, fmt::format("test \"{}\": there is no {}{}", printable(test.name), folder,
                                                     test.given.message.file));
        }
    }

    [[nodiscard]] std::string did_you_mean(const std::string& id) const
    {
        std::vector<std::string> known;
        for (const auto& organisation : policy_->organisations()) known.push_back(organisation.id);
        const auto near = nearest(id, known);
        return near.empty() ? std::string{} : fmt::format("did you mean \"{}\"?", near);
    }

    /// Beside the tests' file.
    [[nodiscard]] const std::string* message_file(std::string_view of, const std::string& name) const
    {
        const auto found = files_.find(fmt::format("{}/{}", of.substr(0, of.rfind('/')), name));
        return found == files_.end() ? nullptr : &found->second;
    }

    [[nodiscard]] std::vector<Due> choose() const
    {
        std::vector<Due> due;
        for (const auto& file : read_)
            for (const auto& test : file.tests.tests)
                if (is_chosen(test.name, test.file))
                    due.push_back({&test, file.people ? file.people.get() : everybody_.get()});
        return due;
    }

    [[nodiscard]] bool is_chosen(const std::string& name, const std::string& file) const
    {
        return options_.filter.empty() || glob_matches(options_.filter, name) || glob_matches(options_.filter, file);
    }

    void run_all(const std::vector<Due>& due)
    {
        std::atomic<std::size_t> next{0};
        const auto work = [&](std::set<std::string>& reached, std::exception_ptr& failed) {
            try {
                for (std::size_t i = next++; i < due.size() && goes_on(); i = next++)
                    report_.outcomes[i] = run(*due[i].test, due[i].people, reached);
            } catch (...) {
                failed = std::current_exception();
            }
        };
        std::set<std::string> others;
        std::exception_ptr own_failure, other_failure;
        {
            std::jthread helper;
            if (due.size() >= worth_a_second_thread) helper = std::jthread([&] { work(others, other_failure); });
            work(reached_, own_failure);
        }
        if (own_failure) std::rethrow_exception(own_failure);
        if (other_failure) std::rethrow_exception(other_failure);
        reached_.merge(others);
    }

    /// Half of the tests prove nothing.
    PolicyTestReport given_up()
    {
        report_.outcomes.clear();
        policy::Diagnostic why;
        why.file = "tests";
        why.what = fmt::format("the policy's tests were given up: {}", stopped_);
        report_.diagnostics.push_back(std::move(why));
        return std::move(report_);
    }

    /// Whether there is time for one more test.
    bool goes_on()
    {
        if (!options_.stop) return true;
        auto why = options_.stop();
        if (why.empty()) return true;
        const std::lock_guard lock(stopped_mutex_);
        stopped_ = std::move(why);
        return false;
    }

    [[nodiscard]] TestOutcome run(const policy::PolicyTest& test, const PeopleIndex* people,
                                  std::set<std::string>& reached) const
    {
        const auto at = test.given.at.value_or(options_.now);
        const auto* bytes =
            test.given.message.file.empty() ? nullptr : message_file(test.file, test.given.message.file);
        auto made = make_message(test.given, at, bytes != nullptr ? *bytes : std::string_view{});
        RehearsedMail mail{test.given.connects_from,
                           test.given.from,
                           test.given.to,
                           std::move(made.content),
                           at,
                           test.given.first_contact.value_or(true),
                           {},
                           {}};
        auto* directory = people == nullptr ? options_.directory : nullptr;
        const auto rehearsed = rehearse({policy_, people, directory, nullptr, std::move(made.inspection)}, mail);
        for (const auto& recipient : rehearsed.recipients)
            for (const auto& rule : recipient.trail.rules)
                if (rule.held == policy::Truth::yes || !rule.script.empty()) reached.insert(rule.rule);
        TestOutcome outcome{test.name, test.file, test.place, compare(test, rehearsed), {}};
        if (!outcome.mismatches.empty()) {
            outcome.explanation = what_decided(rehearsed);
            outcome.suspended = suspended_in(test, rehearsed, at);
        }
        return outcome;
    }

    [[nodiscard]] std::string suspended_in(const policy::PolicyTest& test, const Rehearsed& rehearsed, Instant at) const
    {
        std::vector<std::string> ids{test.given.connects_from, rehearsed.organisation};
        for (const auto& recipient : rehearsed.recipients) ids.push_back(recipient.organisation);
        const auto is_suspended = [&](const std::string& id) {
            const auto* organisation = policy_->organisation(id);
            return organisation != nullptr && organisation->suspension(at) != nullptr;
        };
        const auto found = std::ranges::find_if(ids, is_suspended);
        return found == ids.end() ? std::string{} : *found;
    }

    void run_alert_tests()
    {
        for (const auto& file : read_)
            for (const auto& test : file.tests.alerts) {
                if (!is_chosen(test.name, test.file)) continue;
                auto result = run_alert_test(*policy_, test, options_.now);
                reached_.insert(result.reached.begin(), result.reached.end());
                const bool failed = !result.mismatches.empty();
                report_.outcomes.push_back({test.name, test.file, test.place, std::move(result.mismatches),
                                            failed ? std::move(result.explanation) : std::string{}});
            }
    }

    /// Every rule that held or could not be decided; those that did not hold are many and seldom the reason.
    [[nodiscard]] static std::string what_decided(const Rehearsed& rehearsed)
    {
        Rehearsed shorter = rehearsed;
        for (auto& recipient : shorter.recipients) {
            recipient.changes.clear();
            std::erase_if(recipient.trail.rules, [](const policy::RuleSeen& rule) {
                return rule.held == policy::Truth::no || !rule.why_not.empty();
            });
        }
        return explanation_text(shorter, {.brief = true, .policy = {}});
    }

    void name_unreached()
    {
        for (auto& rule : all_rules(*policy_))
            if (!reached_.contains(rule)) report_.unreached.push_back(std::move(rule));
        for (const auto& rule : policy_->alerts().rules)
            if (!reached_.contains(rule.place)) report_.unreached.push_back(rule.place);
    }

    const policy::SnapshotPtr& policy_;
    const policy::FileSet& files_;
    PolicyTestOptions options_;
    PolicyTestReport report_;
    std::vector<ReadFile> read_;
    std::unique_ptr<PeopleIndex> everybody_;
    std::set<std::string> reached_;
    std::mutex stopped_mutex_;
    std::string stopped_;  // under it while tests run
};

}  // namespace

PolicyTestReport run_policy_tests(const policy::SnapshotPtr& policy, const policy::FileSet& files,
                                  const PolicyTestOptions& options)
{
    return Run(policy, files, options).finish();
}

bool add_directory(policy::FileSet& files, const std::filesystem::path& path)
{
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(path, unknown)) return false;
    std::ifstream file(path, std::ios::binary);
    if (!file) return false;
    files.insert_or_assign("directory.yaml", std::string(std::istreambuf_iterator<char>(file), {}));
    return true;
}

}  // namespace postern::gateway
