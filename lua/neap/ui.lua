--- What a person or a program sees of a run.
--
-- Results go to stdout, progress to stderr. With --json each result is one
-- JSON object a line. Everything passes through here, so here is where
-- secrets are masked and where text from a host loses its escape sequences.

local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"

local ui = {}
ui.__index = ui

local COLORS = { red = "31", green = "32", yellow = "33", cyan = "36", dim = "2", bold = "1" }

--- @param opts { json = bool, color = bool|nil (nil: where stdout is a
--   terminal and NO_COLOR is not set), verbose = count, quiet = bool }
function ui.new(opts)
  local color = opts.color
  if color == nil then color = sys.isatty(1) and (sys.getenv("NO_COLOR") or "") == "" end
  return setmetatable({
    json = opts.json, color = color and not opts.json, verbose = opts.verbose or 0, quiet = opts.quiet,
    live = sys.isatty(2) and not opts.json, status_width = 0,
  }, ui)
end

--- Foreign text made harmless: control characters other than newline and tab
-- are shown, not obeyed. C1 controls hide in UTF-8 as C2 80..9F.
function ui.harmless(text)
  text = text:gsub("[%z\1-\8\11-\31\127]", function(c)
    if c == "\r" then return "" end
    return string.format("\\x%02x", c:byte())
  end)
  return (text:gsub("\xC2[\x80-\x9F]", function(c) return string.format("\\u%04x", c:byte(2)) end))
end

local function clean(text) return ui.harmless(taint.mask(tostring(text))) end

--- `text` in a colour, for output that is otherwise clean.
function ui:paint(color, text)
  text = clean(text)
  if not self.color then return text end
  return "\27[" .. COLORS[color] .. "m" .. text .. "\27[0m"
end

function ui:clean(text) return clean(text) end

local function wipe_status(self)
  if self.status_width > 0 then
    sys.write(2, "\r" .. string.rep(" ", self.status_width) .. "\r")
    self.status_width = 0
  end
end

--- A line of results; pieces that are not clean yet must have gone through
-- clean() or paint().
function ui:line(text)
  if self.json then return end
  wipe_status(self)
  sys.write(1, text .. "\n")
end

--- Results as they are (already text for people); masked here.
function ui:out(text)
  wipe_status(self)
  sys.write(1, clean(text))
end

--- A line for the operator on stderr.
function ui:err(text)
  wipe_status(self)
  sys.write(2, clean(text) .. "\n")
end

--- A line on stderr that only -v shows.
function ui:detail(text)
  if self.verbose > 0 then self:err(text) end
end

--- What is going on right now: one line that is written over.
function ui:status(text)
  if not self.live or self.quiet then return end
  text = clean(text):sub(1, math.max(10, sys.width() - 1))
  local pad = math.max(0, self.status_width - #text)
  sys.write(2, "\r" .. text .. string.rep(" ", pad))
  self.status_width = #text
end

--- One event of the JSON stream; nothing without --json.
function ui:event(event)
  if self.json then sys.write(1, taint.mask(json.encode(event)) .. "\n") end
end

--- Ends the status line.
function ui:done() wipe_status(self) end

return ui
