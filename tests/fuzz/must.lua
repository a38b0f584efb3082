--- must(value, what): a finding unless `value` is true. (What assert() raises could pass for a sentence to people.)
return function(value, what)
  if not value then error(what) end
  return value
end
