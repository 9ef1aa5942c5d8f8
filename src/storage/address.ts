import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { StorageError } from "../domain/storage.ts";

/**
 * Where a pull may connect to. The operator's own URIs may point into private networks and to this
 * machine; metadata services, link-local, multicast and unspecified addresses never; and what a
 * redirect names must be public.
 */

/** `named`: a host that the operator wrote. `redirected`: one that a server named. */
export type Reach = "named" | "redirected";

const never = new BlockList();
never.addSubnet("0.0.0.0", 8);
never.addSubnet("169.254.0.0", 16);
never.addSubnet("224.0.0.0", 4);
never.addSubnet("240.0.0.0", 4);
never.addAddress("100.100.100.200");
never.addAddress("168.63.129.16");
never.addAddress("::", "ipv6");
never.addSubnet("fe80::", 10, "ipv6");
never.addSubnet("ff00::", 8, "ipv6");
never.addSubnet("fd00:ec2::", 32, "ipv6");
never.addAddress("fd20:ce::254", "ipv6");

const inner = new BlockList();
inner.addSubnet("10.0.0.0", 8);
inner.addSubnet("127.0.0.0", 8);
inner.addSubnet("172.16.0.0", 12);
inner.addSubnet("192.168.0.0", 16);
inner.addSubnet("100.64.0.0", 10);
inner.addSubnet("192.0.0.0", 24);
inner.addSubnet("198.18.0.0", 15);
inner.addAddress("::1", "ipv6");
inner.addSubnet("fc00::", 7, "ipv6");
inner.addSubnet("fec0::", 10, "ipv6");

/** Whether a connection to `address`, an IP literal, may be made. */
export function addressAllowed(address: string, reach: Reach): boolean {
  const plain = embeddedIpv4(address) ?? address;
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  if (never.check(plain, family)) return false;
  return reach === "named" || !inner.check(plain, family);
}

/** The IPv4 address in `::ffff:a.b.c.d`, `::a.b.c.d`, `64:ff9b::` and 6to4, in any spelling. */
function embeddedIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const groups = expanded(address);
  const [first = 0, second = 0] = groups;
  if (first === 0x2002) return ipv4(second, groups[2] ?? 0);
  const head = groups.slice(0, 6).join(",");
  const mapped = head === "0,0,0,0,0,65535" || head === "0,0,0,0,65535,0";
  const compatible = head === "0,0,0,0,0,0" && (groups[6] !== 0 || (groups[7] ?? 0) > 1);
  const translated = first === 0x64 && second === 0xff9b;
  return mapped || compatible || translated ? ipv4(groups[6] ?? 0, groups[7] ?? 0) : undefined;
}

function ipv4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of an IPv6 address. */
function expanded(address: string): number[] {
  const text = address
    .replace(/%.*$/, "")
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
      const hex = (x: string, y: string) => (Number(x) * 256 + Number(y)).toString(16);
      return `${hex(a, b)}:${hex(c, d)}`;
    });
  const [head = "", tail] = text.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((g) => Number(`0x${g}`));
  if (tail === undefined) return groups(head);
  const left = groups(head);
  const right = groups(tail);
  return [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

export function refusedAddress(host: string): StorageError {
  return new StorageError(
    "address-refused",
    `'${host}' is refused: metadata and link-local addresses are never read, and redirects do ` +
      "not lead into private networks",
  );
}

/** Refuses a host that is an IP literal, since no lookup is made for one. */
export function checkHost(hostname: string, reach: Reach): void {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (/^metadata(\.google\.internal)?\.?$/i.test(bare)) throw refusedAddress(bare);
  if (isIP(bare) !== 0 && !addressAllowed(bare, reach)) throw refusedAddress(bare);
}

/**
 * A lookup for `net.connect` that judges every address of a name and returns those it judged, so
 * that the name cannot mean something else a moment later.
 */
export function checkedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, "", 0);
      const addresses: LookupAddress[] = found;
      const [first] = addresses;
      if (first === undefined || !addresses.every((one) => addressAllowed(one.address, reach))) {
        return callback(refusedAddress(hostname), "", 0);
      }
      if (options.all === true) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
