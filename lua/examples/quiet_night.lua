-- alerts.yaml: by night people are told of what is critical, and of nothing else; by day of everything, with a note for
-- what an organisation that is being watched has to do with.
--
--     - name: delivery
--       on: [{ destination_down_for: 30 minutes }, bounce_storm]
--       to: operations
--       lua: quiet_night.lua
--       may: [annotate]
--
-- The organisations are a table of content.yaml:
--
--     tables:
--       watched: { greenstone: "moves its server this week" }

---@param event postern.Event
---@return boolean|postern.Action
return function(event)
  if event.time:between("20:00", "06:00") and event.severity ~= "critical" then return false end
  local organisation = event:field("organisation")
  local why = organisation and postern.table("watched"):get(organisation)
  if why then return postern.annotate(organisation .. " " .. why) end
  return true
end
