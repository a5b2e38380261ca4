#include "script/sandbox.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <utility>

namespace postern::script {

namespace {

constexpr std::size_t garbage_kept = std::size_t{1} << 20;  // between calls, before it is collected
constexpr std::size_t slack = std::size_t{32} << 20;        // what one step of Lua may ask beyond the budget
constexpr std::size_t look_every = std::size_t{256} << 10;  // bytes moved between two looks at the clock
constexpr std::uint64_t units_between_looks = 2'048;
constexpr int granule_when_large = 16;
constexpr std::size_t most_lines = 50, longest_line = 500, longest_error = 500;
constexpr std::size_t most_orders = 500;
constexpr const char* action_type = "postern.Action";

const char env_key = 0, loaded_key = 0;

std::chrono::nanoseconds processor_time() noexcept
{
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

/// What a guarded function is handed.
struct Job {
    Sandbox* sandbox;
    std::string file;
    ports::ScriptAnswer* answer = nullptr;
    std::string returns{};
};

bool names_place(std::string_view text)
{
    const auto colon = text.find(".lua:");
    return colon != text.npos && colon + 5 < text.size() && text[colon + 5] >= '0' && text[colon + 5] <= '9' &&
           text.substr(0, colon).find(' ') == text.npos;
}

class Requiring {
public:
    Requiring(std::vector<std::string>& files, std::string file) : files_(files) { files_.push_back(std::move(file)); }
    ~Requiring() { files_.pop_back(); }
    Requiring(const Requiring&) = delete;
    Requiring& operator=(const Requiring&) = delete;

private:
    std::vector<std::string>& files_;
};

}  // namespace

void fail(lua_State* state, const std::string& what)
{
    luaL_where(state, 1);
    lua_pushlstring(state, what.data(), what.size());
    lua_concat(state, 2);
    lua_error(state);
    std::abort();  // lua_error does not come back
}

std::string_view text_argument(lua_State* state, int index)
{
    std::size_t size = 0;
    const char* text = luaL_checklstring(state, index, &size);
    return {text, size};
}

Sandbox::Sandbox(const Program& program) : program_(program)
{
    state_ = lua_newstate(&allocate, this);  // not before every member is there: it allocates at once
    if (state_ == nullptr) throw std::bad_alloc();
    *static_cast<Sandbox**>(lua_getextraspace(state_)) = this;
    // Nothing is collected within a call: what a call may make is bounded, and a collector that traverses what a script
    // built has a time of its own that no hook reaches. Garbage goes between calls, when nothing refers to it any more.
    lua_gc(state_, LUA_GCSTOP);
    most_ = std::numeric_limits<std::uint64_t>::max();
    if (guarded(&open, this) != LUA_OK) {
        lua_close(state_);
        throw std::bad_alloc();
    }
    lua_gc(state_, LUA_GCCOLLECT);
    settled_ = used_;
}

Sandbox::~Sandbox()
{
    lua_close(state_);
}

void* Sandbox::allocate(void* self, void* block, std::size_t old, std::size_t fresh)
{
    auto& sandbox = *static_cast<Sandbox*>(self);
    if (block == nullptr) old = 0;  // then it says what the block is for
    if (fresh == 0) {
        std::free(block);
        sandbox.used_ -= old;
        return nullptr;
    }
    if (fresh > old && sandbox.running_) sandbox.grow(fresh - old, fresh);
    void* const moved = std::realloc(block, fresh);
    if (moved != nullptr) sandbox.used_ += fresh - old;
    return moved;
}

// Going over is granted once, within the slack, and ends the call at the next instruction: Lua is not asked to go on
// without memory, nor does it collect garbage in the middle of a call. Only a single huge string is refused here.
void Sandbox::grow(std::size_t more, std::size_t block)
{
    const auto& budgets = program_.budgets();
    moved_ += block;
    const std::size_t wanted = used_ + more - std::min(used_ + more, used_before_);
    if (wanted > budgets.memory) {
        if (over_.empty()) use_up(fmt::format("more than {} of memory", vocabulary::print_size(budgets.memory)));
        if (wanted > budgets.memory + slack) throw Killed{};
    } else if (moved_ >= next_moved_) {
        next_moved_ = moved_ + look_every;
        if (granule_ > granule_when_large) {
            // Now single instructions can take long: comparing two long texts is one.
            granule_ = granule_when_large;
            lua_sethook(state_, &count, LUA_MASKCOUNT, granule_);
        }
        if (const auto late = too_late(); !late.empty()) use_up(late);
    }
}

void Sandbox::use_up(std::string_view what)
{
    if (!over_.empty()) return;
    over_ = fmt::format("{}: used {}", place(), what);
    lua_sethook(state_, &count, LUA_MASKCOUNT, 1);
}

void Sandbox::kill(std::string_view what)
{
    use_up(what);
    throw Killed{};
}

void Sandbox::count(lua_State* state, lua_Debug*)
{
    auto& sandbox = of(state);
    if (!sandbox.running_) return;
    sandbox.charge(static_cast<std::uint64_t>(sandbox.granule_));
}

void Sandbox::charge(std::uint64_t units)
{
    if (!running_) return;
    if (!over_.empty()) throw Killed{};
    spent_ += units;
    if (spent_ > most_ || spent_ < units) kill(fmt::format("more than {} instructions", most_));
    if (spent_ < next_look_) return;
    next_look_ = spent_ + units_between_looks;
    if (const auto late = too_late(); !late.empty()) kill(late);
}

void Sandbox::charge_blind()
{
    charge(128);
}

void Sandbox::reserve(std::size_t bytes)
{
    if (!running_) return;
    charge(bytes / 16);
    const std::size_t wanted = used_ - std::min(used_, used_before_) + bytes;
    if (wanted > program_.budgets().memory || wanted < bytes)
        kill(fmt::format("more than {} of memory", vocabulary::print_size(program_.budgets().memory)));
}

std::string Sandbox::too_late() const
{
    const auto& budgets = program_.budgets();
    const auto wall = std::chrono::steady_clock::now() - started_;
    if (wall > budgets.wall) return fmt::format("more than {} of time", vocabulary::print_duration(budgets.wall));
    if (wall > budgets.processor && processor_time() - processor_before_ > budgets.processor)
        return fmt::format("more than {} of processor time", vocabulary::print_duration(budgets.processor));
    return {};
}

void Sandbox::begin(const ports::ScriptCall* call, const vocabulary::Facts* facts)
{
    call_ = call;
    facts_ = facts;
    error_.clear();
    said_.clear();
    orders_.clear();
    requiring_.clear();
    spent_ = 0;
    most_ = program_.budgets().instructions;
    next_look_ = units_between_looks;
    moved_ = 0;
    next_moved_ = look_every;
    used_before_ = used_;
    started_ = std::chrono::steady_clock::now();
    processor_before_ = processor_time();
    granule_ = program_.budgets().granule;
    lua_sethook(state_, &count, LUA_MASKCOUNT, granule_);
    running_ = true;
}

void Sandbox::end()
{
    running_ = false;
    call_ = nullptr;
    facts_ = nullptr;
    if (killed()) return;  // thrown away as it is
    lua_settop(state_, 0);
    if (modules_) {
        lua_pushnil(state_);
        lua_rawsetp(state_, LUA_REGISTRYINDEX, &loaded_key);
        modules_ = false;
    }
    if (used_ - std::min(used_, settled_) > garbage_kept) {
        lua_gc(state_, LUA_GCCOLLECT);
        settled_ = used_;
    }
}

ports::ScriptAnswer Sandbox::run(const ports::ScriptCall& call, const vocabulary::Facts& facts)
{
    ports::ScriptAnswer answer;
    Job job{this, std::string(call.file), &answer};
    // Compiling once for each state is not the script's expense.
    error_.clear();
    int status = guarded(&compile_script, &job);
    begin(&call, &facts);
    if (status == LUA_OK) status = guarded(&run_script, &job);
    answer.took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - started_);
    answer.instructions = spent_;
    if (status != LUA_OK || killed()) {
        answer.orders.clear();
        answer.holds.reset();
        answer.error = killed() ? over_ : error_;
        if (answer.error.empty()) answer.error = job.file + ": error in the handling of an error";
    }
    answer.said = std::move(said_);
    end();
    return answer;
}

Sandbox::Loaded Sandbox::load(std::string_view file)
{
    Job job{this, std::string(file)};
    begin(nullptr, nullptr);
    const int status = guarded(&load_script, &job);
    Loaded loaded{std::move(job.returns), {}};
    if (status != LUA_OK || killed()) {
        loaded.error = killed() ? over_ : error_;
        if (loaded.error.empty()) loaded.error = job.file + ": error in the handling of an error";
    }
    end();
    return loaded;
}

int Sandbox::guarded(lua_CFunction function, void* argument)
{
    lua_settop(state_, 0);
    lua_pushcfunction(state_, &handle_error);
    lua_pushcfunction(state_, function);
    lua_pushlightuserdata(state_, argument);
    return lua_pcall(state_, 1, 0, 1);
}

// Runs where the error was made, while the calls that led there still stand. Calls nothing that a script wrote.
int Sandbox::handle_error(lua_State* state)
{
    auto& sandbox = of(state);
    std::string text;
    if (lua_type(state, 1) == LUA_TSTRING) {
        std::size_t size = 0;
        const char* bytes = lua_tolstring(state, 1, &size);
        text = printable({bytes, size}, longest_error);
    } else {
        text = fmt::format("error({}): the error is no text", luaL_typename(state, 1));
    }
    if (!names_place(text)) text = sandbox.place() + ": " + text;
    std::string callers;
    lua_Debug frame;
    int lua_frames = 0;
    for (int level = 1; level < 20 && lua_frames < 4 && lua_getstack(state, level, &frame) != 0; ++level) {
        lua_getinfo(state, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        if (lua_frames++ > 0)
            callers +=
                fmt::format("{}{}:{}", callers.empty() ? " (called from " : ", ", frame.short_src, frame.currentline);
    }
    if (!callers.empty()) text += callers + ")";
    sandbox.error_ = std::move(text);
    return 1;
}

std::string Sandbox::place() const
{
    lua_Debug frame;
    for (int level = 0; level < 100 && lua_getstack(state_, level, &frame) != 0; ++level) {
        lua_getinfo(state_, "Sl", &frame);
        if (frame.currentline > 0) return fmt::format("{}:{}", frame.short_src, frame.currentline);
    }
    if (!requiring_.empty()) return requiring_.back();
    return call_ == nullptr ? std::string("script") : std::string(call_->file);
}

int Sandbox::open(lua_State* state)
{
    luaL_newmetatable(state, action_type);
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_pushstring(state, action_type);
    lua_setfield(state, -2, "__name");
    lua_pop(state, 1);
    open_values(state);
    open_base(state);  // the globals
    lua_rawsetp(state, LUA_REGISTRYINDEX, &env_key);
    // A chunk's globals are those of the registry.
    lua_rawgetp(state, LUA_REGISTRYINDEX, &env_key);
    lua_rawseti(state, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    return 0;
}

void Sandbox::push_chunk(const std::string& file)
{
    if (const auto found = chunks_.find(file); found != chunks_.end()) {
        lua_rawgeti(state_, LUA_REGISTRYINDEX, found->second);
        return;
    }
    const auto* source = program_.source(file);
    if (source == nullptr) fail(state_, fmt::format("there is no script {}", file));
    const std::string name = "=" + file;
    const bool was_running = std::exchange(running_, false);
    const int status = luaL_loadbufferx(state_, source->data(), source->size(), name.c_str(), "t");
    running_ = was_running;
    if (status != LUA_OK) {
        const auto text = lua_tostring(state_, -1);
        const std::string what = text == nullptr ? "not enough memory" : text;
        if (what.find("binary chunk") != what.npos) fail(state_, file + ":1: scripts are text; this is compiled Lua");
        lua_error(state_);
    }
    lua_pushvalue(state_, -1);
    const int reference = luaL_ref(state_, LUA_REGISTRYINDEX);
    chunks_.emplace(file, reference);
    // What is kept is not this call's expense.
    used_before_ = std::max(used_before_, used_);
}

int Sandbox::compile_script(lua_State* state)
{
    auto& job = *static_cast<Job*>(lua_touserdata(state, 1));
    job.sandbox->push_chunk(job.file);
    return 0;
}

int Sandbox::load_script(lua_State* state)
{
    auto& job = *static_cast<Job*>(lua_touserdata(state, 1));
    const Requiring guard(job.sandbox->requiring_, job.file);
    job.sandbox->push_chunk(job.file);
    lua_call(state, 0, 1);
    job.returns = lua_isnil(state, -1) ? "nothing" : lua_typename(state, lua_type(state, -1));
    return 0;
}

// The chunk is run for each call, so that its locals, and the modules' that it requires, are made anew: nothing that a
// script keeps can meet the next message.
int Sandbox::run_script(lua_State* state)
{
    auto& job = *static_cast<Job*>(lua_touserdata(state, 1));
    const Requiring guard(job.sandbox->requiring_, job.file);
    job.sandbox->push_chunk(job.file);
    lua_call(state, 0, 1);
    if (!lua_isfunction(state, -1))
        fail(state,
             fmt::format("{}: the script returned {} where a function is due", job.file, luaL_typename(state, -1)));
    push_subject(state);
    const int before = lua_gettop(state) - 2;
    lua_call(state, 1, LUA_MULTRET);
    job.sandbox->take_results(lua_gettop(state) - before, *job.answer);
    return 0;
}

void Sandbox::take_results(int count, ports::ScriptAnswer& answer)
{
    if (count > 1)
        fail(state_, fmt::format("returned {} values; put several actions into one list: return {{ a, b }}", count));
    const int type = count == 0 ? LUA_TNIL : lua_type(state_, -1);
    if (type == LUA_TNIL || type == LUA_TBOOLEAN) {
        answer.holds = type == LUA_TBOOLEAN && lua_toboolean(state_, -1) != 0;
        return;
    }
    const int at = lua_gettop(state_);
    if (type != LUA_TTABLE) return take_order(at, answer);
    const auto size = lua_rawlen(state_, at);
    if (size > most_orders) fail(state_, fmt::format("returned {} actions", size));
    lua_pushnil(state_);
    if (size == 0 && lua_next(state_, at) != 0)
        fail(state_, "returned a table that is no list; a list of actions is { a, b }");
    lua_settop(state_, at);
    for (lua_Unsigned i = 1; i <= size; ++i) {
        lua_rawgeti(state_, at, static_cast<lua_Integer>(i));
        take_order(at + 1, answer);
        lua_settop(state_, at);
    }
}

void Sandbox::take_order(int index, ports::ScriptAnswer& answer)
{
    const auto* number = static_cast<const std::size_t*>(luaL_testudata(state_, index, action_type));
    if (number == nullptr || *number >= orders_.size())
        fail(state_, fmt::format("returned {} where true, false, nil, an action or a list of actions is due",
                                 luaL_typename(state_, index)));
    const auto& order = orders_[*number];
    const auto name = vocabulary::info(order.action).name;
    if (!vocabulary::belongs(order.action, call_->where))
        fail(state_,
             fmt::format("ordered {}, which rules of {} can't order", name, vocabulary::file_name(call_->where)));
    if (!call_->may.has(order.action))
        fail(state_, fmt::format("ordered {}, which the rule's `may` doesn't name", name));
    answer.orders.push_back(order);
}

void Sandbox::push_order(vocabulary::Order order)
{
    reserve(sizeof(order) + order.text.size() + order.name.size());
    if (orders_.size() >= most_orders) fail(state_, fmt::format("more than {} actions were made", most_orders));
    orders_.push_back(std::move(order));
    *static_cast<std::size_t*>(lua_newuserdatauv(state_, sizeof(std::size_t), 0)) = orders_.size() - 1;
    luaL_setmetatable(state_, action_type);
}

const vocabulary::Facts& Sandbox::facts() const
{
    if (facts_ == nullptr) fail(state_, "there is no message while a script is loaded; use it within the function");
    return *facts_;
}

void Sandbox::push(std::string_view text)
{
    reserve(text.size());
    lua_pushlstring(state_, text.data(), text.size());
}

void Sandbox::say(std::string_view line)
{
    if (said_.size() >= most_lines) return;
    said_.push_back(printable(line, longest_line - 3));
}

std::shared_ptr<const Pattern> Sandbox::pattern(std::string_view text, bool anchored)
{
    std::string key(1, anchored ? 'a' : 'g');
    key += text.substr(0, std::size_t{20'000});
    if (const auto found = patterns_.find(key); found != patterns_.end()) return found->second;
    reserve(text.size() * 64);
    auto compiled = Pattern::compile(text, anchored);
    if (!compiled) fail(state_, compiled.error());
    if (patterns_.size() >= 64) patterns_.clear();
    auto shared = std::make_shared<const Pattern>(std::move(*compiled));
    if (key.size() <= 1'000) patterns_.emplace(std::move(key), shared);
    return shared;
}

std::shared_ptr<const RE2> Sandbox::expression(std::string_view text, bool case_blind)
{
    std::string key(1, case_blind ? 'i' : 'c');
    key += text;
    if (const auto found = expressions_.find(key); found != expressions_.end()) return found->second;
    charge(20'000 + text.size() * 50);
    RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(!case_blind);
    options.set_max_mem(1 << 20);
    auto compiled = std::make_shared<const RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (!compiled->ok()) fail(state_, fmt::format("regular expression /{}/: {}", printable(text), compiled->error()));
    if (expressions_.size() >= 32) expressions_.clear();
    expressions_.emplace(std::move(key), compiled);
    return compiled;
}

void Sandbox::require(const std::string& name)
{
    std::string file = name;
    std::ranges::replace(file, '.', '/');
    file += ".lua";
    if (program_.source(file) == nullptr) {
        const auto near = nearest(file, program_.files());
        fail(state_, fmt::format("require: there is no module \"{}\" in lua/{}", printable(name),
                                 near.empty() ? std::string() : fmt::format(" (did you mean {}?)", near)));
    }
    if (std::ranges::find(requiring_, file) != requiring_.end())
        fail(state_, fmt::format("require: {} requires itself: {} -> {}", file, fmt::join(requiring_, " -> "), file));
    if (lua_rawgetp(state_, LUA_REGISTRYINDEX, &loaded_key) != LUA_TTABLE) {
        lua_pop(state_, 1);
        lua_newtable(state_);
        lua_pushvalue(state_, -1);
        lua_rawsetp(state_, LUA_REGISTRYINDEX, &loaded_key);
        modules_ = true;
    }
    if (lua_getfield(state_, -1, file.c_str()) != LUA_TNIL) return;
    lua_pop(state_, 1);
    const Requiring guard(requiring_, file);
    push_chunk(file);
    lua_call(state_, 0, 1);
    if (lua_isnil(state_, -1)) {
        lua_pop(state_, 1);
        lua_pushboolean(state_, 1);
    }
    lua_pushvalue(state_, -1);
    lua_setfield(state_, -3, file.c_str());
}

}  // namespace postern::script
