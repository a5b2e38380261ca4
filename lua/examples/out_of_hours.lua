--- Holds mail for desks that nobody reads at night and at weekends, until the next working morning, and tells the
--- sender once an hour at most. Urgent mail is let through.
---
--- Times are UTC, as everywhere in the policy.
---
---     # content.yaml
---     - name: out-of-hours
---       when: { recipient.function: [listing, reception] }
---       lua: out_of_hours.lua
---       may: [hold, notify]

local opens, closes = 8, 18
local minutes_in_day = 24 * 60

--- Minutes until a desk opens that is open from Monday to Friday.
---@param time postern.Time
---@return integer
local function minutes_until_open(time)
  local days_off = { friday = 2, saturday = 1 }  -- between today and the next working day
  local now = time.hour * 60 + time.minute
  local weekend = time.weekday == "saturday" or time.weekday == "sunday"
  if not weekend and now < opens * 60 then return opens * 60 - now end
  return minutes_in_day - now + (days_off[time.weekday] or 0) * minutes_in_day + opens * 60
end

---@param time postern.Time
local function open(time)
  return time.weekday ~= "saturday" and time.weekday ~= "sunday" and time.hour >= opens and time.hour < closes
end

---@param message postern.Message
local function urgent(message)
  local headers = message.headers
  return postern.matches(headers:get("Importance"), "high") or postern.matches(headers:get("X-Priority"), "1*")
    or postern.matches(message.subject, "urgent*")
end

---@param message postern.Message
---@return postern.Action[]?
return function(message)
  if open(message.time) or urgent(message) then return nil end
  local actions = { postern.hold { reason = "nobody reads at this hour",
                                   lasts = minutes_until_open(message.time) .. " minutes" } }
  -- Reports have no sender to tell, and nobody wants this for each of ten messages.
  local sender = message.sender.address
  if sender and postern.rate(sender, "1 per hour") then
    actions[2] = postern.notify { to = "sender", text = "Nobody reads at this hour. Your message waits and is delivered "
      .. "when the desk opens. If it can't wait, send it again with \"URGENT\" in front of its subject." }
  end
  return actions
end
