#!/bin/sh
# Writes down what `audit-image kernel` asks of a node: its kernel, modules and processor. Nothing is loaded or changed.
#
#     sh node-facts.sh | gzip > node.facts.gz     # then: audit-image kernel node.facts.gz --image IMAGE
#     sh node-facts.sh ROOT RELEASE               # of a root file system that is mounted at ROOT
#
# It needs a POSIX shell, cat, find, grep, sed, tr and uname; gzip for /proc/config.gz; for the revisions of IP set types
# modinfo, or what their modules are compressed with. Each section starts with @NAME; its lines have one blank before
# them, an empty line ends it (where what was read ends without a line break, there is none); @end tells that it is whole.
LC_ALL=C
export LC_ALL
root=${1:-}
root=${root%/}
release=${2:-$(uname -r)}

section() {
  echo "@$1"
  sed 's/^/ /'
  echo
}

list() {
  if [ -r "$tree/$1" ]; then section "$1" < "$tree/$1"; fi
}

unpacked() {
  case $1 in
    *.gz) gzip -dc < "$1" ;;
    *.xz) xz -dc < "$1" ;;
    *.zst) zstd -dc < "$1" ;;
    *) cat "$1" ;;
  esac
}

tree=
for place in lib/modules usr/lib/modules; do
  if [ -z "$tree" ] && [ -d "$root/$place/$release" ]; then tree=$root/$place/$release; fi
done

echo "audit-image node-facts 1"
echo "$release" | section release
if [ -z "$root" ]; then
  uname -m | section machine
  uname -n | section node
elif [ -r "$root/etc/hostname" ]; then
  section node < "$root/etc/hostname"
fi
if [ -r "$root/proc/cpuinfo" ]; then
  # Processors that differ give a line each.
  grep -E '^(flags|Features|features|cpu|isa|processor [0-9]+)[[:blank:]]*:' "$root/proc/cpuinfo" |
    sed 's/^processor [0-9]*: .*machine = /machine: /' | sort -u | section cpu
fi
if [ -r "$root/proc/sys/kernel/modprobe" ]; then section modprobe < "$root/proc/sys/kernel/modprobe"; fi
if [ -r "$root/proc/modules" ]; then section loaded < "$root/proc/modules"; fi
if [ -s "$root/boot/config-$release" ]; then
  section config < "$root/boot/config-$release"
elif [ -n "$tree" ] && [ -s "$tree/config" ]; then
  section config < "$tree/config"
elif [ -r "$root/proc/config.gz" ]; then
  gzip -dc < "$root/proc/config.gz" | section config
fi
if [ -n "$tree" ]; then
  (cd "$tree" && find . -name '*.ko' -o -name '*.ko.gz' -o -name '*.ko.xz' -o -name '*.ko.zst') |
    sed 's/^\.\///' | section files
  list modules.dep
  list modules.builtin
  list modules.order
  # Aliases of devices, which hold a colon, are left out: nobody asks for them by name.
  if [ -r "$tree/modules.alias" ]; then
    grep -v '^alias[[:blank:]][^[:blank:]]*:' "$tree/modules.alias" | section modules.alias
  fi
  if [ -r "$tree/modules.builtin.modinfo" ]; then
    tr '\000' '\n' < "$tree/modules.builtin.modinfo" |
      grep -E '\.alias=[^:]*$|^ip_set_[a-z_]*\.description=' | section modules.builtin.modinfo
  fi
  find "$tree" -name 'ip_set_*.ko*' | while read -r file; do
    name=${file##*/}
    text=$(modinfo -F description "$file" 2> /dev/null)
    if [ -z "$text" ]; then text=$(unpacked "$file" 2> /dev/null | tr '\000' '\n' | sed -n 's/^description=//p'); fi
    if [ -n "$text" ]; then echo "${name%%.*}.description=$text"; fi
  done | section descriptions
fi
echo "@end"
