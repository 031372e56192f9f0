// Reads a JSON list of calendar objects from standard input and prints what ical.js makes of each, as JSON.
import { text } from "node:stream/consumers";
import ICAL from "ical.js";

const objects = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(objects.map(calendar)));

function calendar(source) {
  const root = new ICAL.Component(ICAL.parse(source));
  return {
    method: value(root, "method"),
    name: value(root, "name"),
    refresh: value(root, "refresh-interval"),
    ttl: value(root, "x-published-ttl"),
    events: root.getAllSubcomponents("vevent").map(event),
  };
}

function event(component) {
  return {
    uid: value(component, "uid"),
    sequence: value(component, "sequence"),
    status: value(component, "status"),
    summary: value(component, "summary"),
    description: value(component, "description"),
    location: value(component, "location"),
    url: value(component, "url"),
    stamp: instant(component, "dtstamp"),
    start: instant(component, "dtstart"),
    end: instant(component, "dtend"),
    attendee: property(component, "attendee", ["cn", "cutype", "role", "partstat", "rsvp"]),
    organizer: property(component, "organizer", ["cn"]),
    conference: property(component, "conference", ["value", "feature", "label"]),
    alarms: component.getAllSubcomponents("valarm").map((alarm) => ({
      action: value(alarm, "action"),
      trigger: value(alarm, "trigger"),
      description: value(alarm, "description"),
    })),
  };
}

function value(component, name) {
  const found = component.getFirstPropertyValue(name);
  return found === null ? "" : String(found);
}

function instant(component, name) {
  const time = component.getFirstPropertyValue(name);
  return time.zone.tzid === "UTC" ? time.toJSDate().toISOString() : `not in UTC: ${time}`;
}

function property(component, name, parameters) {
  const found = component.getFirstProperty(name);
  if (!found) return {};
  const pairs = parameters.map((one) => [one, found.getParameter(one)]).filter(([, words]) => words !== undefined);
  return { value: String(found.getFirstValue()), ...Object.fromEntries(pairs) };
}
