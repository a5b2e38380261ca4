--- Tells senders of large attachments what they weigh, and marks the copy, so that readers on small connections are
--- warned before they open it. Nothing is refused.
---
---     # content.yaml
---     - name: large-attachments
---       when: { message.size: "> 5 MiB" }
---       lua: large_attachments.lua
---       may: [tag_subject, notify, add_header]
---       on_error: ignore

local large = postern.size("5 MiB")
local megabyte = postern.size("1 MiB")

---@param message postern.Message
---@return postern.Action[]?
return function(message)
  local names, total = {}, 0
  for _, attachment in ipairs(message.attachments) do
    total = total + attachment.size
    if #names < 5 then
      names[#names + 1] = ("%s (%.1f MiB)"):format(attachment.name or "without a name", attachment.size / megabyte)
    end
  end
  if total <= large then return nil end
  local actions = { postern.tag_subject("LARGE: "),
                    postern.add_header("X-Attachments", #message.attachments .. " with " .. total .. " bytes") }
  local sender = message.sender.address
  if sender and postern.rate(sender, "1 per day") then
    actions[3] = postern.notify { to = "sender", text = "Your message was taken. Its attachments are large, which is slow "
      .. "for some readers: " .. table.concat(names, ", ") .. ". A link to a shared folder is quicker." }
  end
  return actions
end
