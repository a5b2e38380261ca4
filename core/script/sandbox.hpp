// One Lua state without anything that reaches out of it, and the account that its calls are charged to.
//
// Used by one thread at a time; belongs to a Program (one generation), which outlives it. Lua is built as C++ here, so
// an error unwinds through these functions like any exception. Going over a budget throws Killed, which is no Lua
// error: pcall passes it on, no handler sees it, and the state is thrown away afterwards.
#pragma once

#include "ports/scripting.hpp"
#include "script/budget.hpp"
#include "script/pattern.hpp"
#include "script/program.hpp"

#include <lua.h>

#include <lauxlib.h>
#include <re2/re2.h>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::script {

/// Thrown through Lua when a budget is used up.
struct Killed {};

class Sandbox {
public:
    explicit Sandbox(const Program& program);
    ~Sandbox();
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;

    /// Runs a rule's script. Never throws for what a script does.
    [[nodiscard]] ports::ScriptAnswer run(const ports::ScriptCall& call, const vocabulary::Facts& facts);
    /// Loads a script as a rule or a module would, without a message: "function", "table", or what else it returned.
    struct Loaded {
        std::string returns;
        std::string error;
    };
    [[nodiscard]] Loaded load(std::string_view file);

    /// Whether a budget was used up: then this state is not to be used again.
    [[nodiscard]] bool killed() const noexcept { return !over_.empty(); }
    [[nodiscard]] std::uint64_t instructions() const noexcept { return spent_; }

    // --- for the functions that scripts call ---
    [[nodiscard]] static Sandbox& of(lua_State* state) noexcept
    {
        return **static_cast<Sandbox**>(lua_getextraspace(state));
    }
    /// Takes units (about an instruction's time each) off the account; throws Killed where it is used up.
    void charge(std::uint64_t units);
    /// For work whose time its input does not say: looks at the clock every few calls.
    void charge_blind();
    /// Says that so many bytes are about to be made; throws Killed where they don't fit.
    void reserve(std::size_t bytes);
    [[noreturn]] void kill(std::string_view what);
    [[nodiscard]] std::uint64_t left() const noexcept { return spent_ < most_ ? most_ - spent_ : 0; }

    [[nodiscard]] const Program& program() const noexcept { return program_; }
    /// A Lua error where no message is at hand (while a script is loaded).
    [[nodiscard]] const vocabulary::Facts& facts() const;
    [[nodiscard]] const ports::ScriptCall* call() const noexcept { return call_; }
    [[nodiscard]] std::shared_ptr<const Pattern> pattern(std::string_view text, bool anchored);
    [[nodiscard]] std::shared_ptr<const RE2> expression(std::string_view text, bool case_blind);
    void say(std::string_view line);
    /// Pushes an action as scripts hold it.
    void push_order(vocabulary::Order order);
    /// Pushes text, charged.
    void push(std::string_view text);
    /// Pushes the result of `require "name"`.
    void require(const std::string& name);

private:
    static void* allocate(void* self, void* block, std::size_t old, std::size_t fresh);
    static void count(lua_State* state, lua_Debug*);
    static int handle_error(lua_State* state);
    static int open(lua_State* state);
    static int run_script(lua_State* state);
    static int load_script(lua_State* state);
    static int compile_script(lua_State* state);

    void grow(std::size_t more, std::size_t block);
    void use_up(std::string_view what);
    /// What time was used up, or nothing.
    [[nodiscard]] std::string too_late() const;
    void begin(const ports::ScriptCall* call, const vocabulary::Facts* facts);
    void end();
    int guarded(lua_CFunction function, void* argument);
    void push_chunk(const std::string& file);
    void take_results(int count, ports::ScriptAnswer& answer);
    void take_order(int index, ports::ScriptAnswer& answer);
    [[nodiscard]] std::string place() const;

    const Program& program_;
    lua_State* state_ = nullptr;
    std::unordered_map<std::string, int> chunks_;
    std::unordered_map<std::string, std::shared_ptr<const Pattern>> patterns_;
    std::unordered_map<std::string, std::shared_ptr<const RE2>> expressions_;

    bool running_ = false;
    bool modules_ = false;  ///< some were required in this call
    std::string over_;      ///< what was used up, with its place
    std::string error_;     ///< of the call, with its place
    std::uint64_t spent_ = 0;
    std::uint64_t most_ = 0;
    std::uint64_t next_look_ = 0;
    int granule_ = 0;
    std::size_t used_ = 0;
    std::size_t used_before_ = 0;
    std::size_t settled_ = 0;  ///< bytes that stay between calls
    std::size_t moved_ = 0;
    std::size_t next_moved_ = 0;
    std::chrono::steady_clock::time_point started_;
    std::chrono::nanoseconds processor_before_{};

    const ports::ScriptCall* call_ = nullptr;
    const vocabulary::Facts* facts_ = nullptr;
    std::deque<vocabulary::Order> orders_;
    std::vector<std::string> said_;
    std::vector<std::string> requiring_;
};

/// Ends the script's current function with a Lua error that begins with the script's file and line.
[[noreturn]] void fail(lua_State* state, const std::string& what);

/// Every function that scripts can call goes through here: it is charged, and what C++ throws becomes a Lua error.
template <int (*function)(lua_State*, Sandbox&)>
int entry(lua_State* state)
{
    auto& sandbox = Sandbox::of(state);
    sandbox.charge(16);
    try {
        return function(state, sandbox);
    } catch (const std::bad_alloc&) {
        sandbox.kill("more memory than there is");
    } catch (const std::exception& problem) {
        fail(state, problem.what());
    }
}

/// The text at that argument; a Lua error where it is no text. Valid while it stays on the stack.
[[nodiscard]] std::string_view text_argument(lua_State* state, int index);

// What opens the libraries; each leaves one table on the stack.
void open_base(lua_State* state);
void open_string(lua_State* state);
void open_table(lua_State* state);
void open_utf8(lua_State* state);
void open_math(lua_State* state);
void open_postern(lua_State* state);
/// Registers the types of values; leaves nothing.
void open_values(lua_State* state);
/// Pushes what the call is about: the message, or in alerts.yaml the event.
void push_subject(lua_State* state);
/// Replaces the table on top by a view that can be read and not written; `name` is for the error.
void make_read_only(lua_State* state, const char* name);
/// Pushes a function of Lua's own library that charges for its arguments' sizes first.
void push_charged(lua_State* state, lua_CFunction original);
/// Pushes what tostring() makes of the value: no addresses.
void push_text_of(lua_State* state, int index);

}  // namespace postern::script
