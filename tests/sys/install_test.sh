#!/bin/sh
# What `make install` puts where, and that `make uninstall` takes it back, but for what somebody has edited.
. "${srcdir:-.}/tests/lib/functions.sh"
require make

# In a place of its own, whatever prefix this build was configured with.
root=$tmp/root
make_() { run 0 make -s -C "$builddir" DESTDIR="$root" prefix=/usr sysconfdir=/etc systemdsystemunitdir=/lib/systemd/system "$@"; }
installed() { (cd "$root" && find . -type f -o -type l) | sort; }

make_ install
cat >"$tmp/expected" <<END
./etc/rubus/rubus.conf
./lib/systemd/system/rubusd.service
./usr/bin/rubus
./usr/lib/sysusers.d/rubus.conf
./usr/libexec/rubus/rubus-fuse
./usr/libexec/rubus/rubus-import
./usr/sbin/rubusd
./usr/share/bash-completion/completions/rubus
./usr/share/man/man1/rubus.1
./usr/share/man/man5/rubus.conf.5
./usr/share/man/man8/rubusd.8
./usr/share/zsh/site-functions/_rubus
END
installed >"$tmp/found"
diff "$tmp/expected" "$tmp/found" || fail "other files were installed than expected"
run 0 "$root/usr/bin/rubus" --version
said out rubus

# The sample is a configuration, also with all its lines in force.
run 0 sed 's/^#\([a-z_]* =\)/\1/' "$root/etc/rubus/rubus.conf"
grep -v '^listen\|^port' "$tmp/out" >"$tmp/all.conf"
for config in "$root/etc/rubus/rubus.conf" "$tmp/all.conf"; do
	start_rubusd --config "$config" --port 0 --listen 127.0.0.1
	stop_rubusd TERM
	grep -qF "configuration file=$config" "$tmp/rubusd.log" || fail "$config was not read"
done

# The user can be made of what was installed.
if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$tmp/users/etc" "$tmp/users/usr/lib/sysusers.d"
	cp "$root/usr/lib/sysusers.d/rubus.conf" "$tmp/users/usr/lib/sysusers.d/"
	run 0 systemd-sysusers --root="$tmp/users"
	grep -q '^rubus:.*:/var/lib/rubus:' "$tmp/users/etc/passwd" || fail "no user rubus"
fi

echo 'log_level = debug' >>"$root/etc/rubus/rubus.conf"
make_ install
grep -qx 'log_level = debug' "$root/etc/rubus/rubus.conf" || fail "an edited configuration was overwritten"
make_ uninstall
[ "$(installed)" = ./etc/rubus/rubus.conf ] || fail "left behind, or taken away too much: $(installed)"
rm "$root/etc/rubus/rubus.conf"
make_ install
make_ uninstall
[ -z "$(installed)" ] || fail "left behind: $(installed)"
