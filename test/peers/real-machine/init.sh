#!/bin/busybox sh
# Init of the real machine, in its ordinary kernel and again in its crash kernel. What it says on the
# console in lines that begin with PALISADE is what the tests go by. It forks little: emulated, each
# process costs tens of milliseconds of the time in which a stop notice is to come.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null

read -r settings </proc/cmdline
for setting in $settings; do
	value=${setting#*=}
	case $setting in
	palisade.address=*) address=$value ;;
	palisade.gateway=*) gateway=$value ;;
	palisade.notice-port=*) port=$value ;;
	palisade.kdump=*) kdump=$value ;;
	esac
done
say() {
	echo "PALISADE $*" >/dev/console
}

for module in /modules/*.ko; do insmod "$module"; done
ifconfig lo 127.0.0.1 up
ifconfig eth0 "$address" netmask 255.255.255.0 up

if [ -e /proc/vmcore ]; then
	read -r uptime idle </proc/uptime
	say "crash kernel up after $uptime s"
	fence_kdump_send -p "$port" -c 3 -i 1 "$gateway"
	say "crash kernel done"
	reboot -f
fi

if [ "$kdump" = 1 ]; then
	# What is loaded is not checked again after the crash: that would take a second of emulation.
	kexec -p /crash-kernel --initrd=/crash-initrd --no-checks --reuse-cmdline \
		--append="quiet irqpoll nr_cpus=1 reset_devices" >/dev/console 2>&1
	echo 1 >/proc/sys/kernel/unknown_nmi_panic
	echo 1 >/proc/sys/kernel/panic_on_unrecovered_nmi
fi
read -r boot </proc/sys/kernel/random/boot_id
read -r loaded </sys/kernel/kexec_crash_loaded
say "up boot=$boot kdump=$loaded"
while :; do sleep 3600; done
