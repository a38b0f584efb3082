--- A number of things, in words: "1 host", "2 hosts".
return function(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end
