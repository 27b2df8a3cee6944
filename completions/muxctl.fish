# Completion of muxctl for fish.  It knows no verb, option or value by name:
# `muxctl [VERB] --complete` lists them, one per line, as
#	--long<TAB>-s<TAB>ARG<TAB>help
# where ARG is [=ARG] if it may be left out, and a line without -- is a word.

function __muxctl_lines
	set -l words (commandline -opc)
	for word in $words[2..-1]
		if not string match -q -- '-*' $word
			$words[1] $word --complete 2>/dev/null
			return
		end
	end
	$words[1] --complete 2>/dev/null
end

# Values of ARG $argv[1] that begin with $argv[3], each behind $argv[2].
function __muxctl_values
	for part in (string split '|' -- $argv[1])
		switch $part
			case '*FILE*' '*DIR*' '*ADDR*' '*SPEC*'
				printf '%s\n' $argv[2](__fish_complete_path \
				    $argv[3])
			case '*'
				if string match -qr '^[a-z0-9-]+$' -- $part
					printf '%s%s\n' $argv[2] $part
				end
		end
	end
end

function __muxctl_candidates
	set -l lines (__muxctl_lines)
	set -l word (commandline -ct)
	set -l before (commandline -opc)[-1]
	set -l plain
	for line in $lines
		set -l f (string split \t -- $line)
		set -l arg (string replace -r '^\[=(.*)\]$' '$1' -- $f[3])
		if string match -q -- "$f[1]=*" $word
			__muxctl_values $arg $f[1]= \
			    (string replace -- $f[1]= '' $word)
			return
		end
		if test -n "$f[3]" -a "$arg" = "$f[3]"
			and contains -- $before $f[1] $f[2]
			__muxctl_values $arg '' $word
			return
		end
		if string match -q -- '-*' $f[1]
			if string match -q -- '-*' $word
				printf '%s\t%s\n' $f[1] $f[4]
				test -n "$f[2]"
				and printf '%s\t%s\n' $f[2] $f[4]
			end
		else
			set plain $plain $f[1]
			printf '%s\t%s\n' $f[1] $f[4]
		end
	end
	if test -z "$plain"; and not string match -q -- '-*' $word
		__fish_complete_path $word
	end
end

complete -c muxctl -f -a '(__muxctl_candidates)'
