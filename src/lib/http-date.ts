/** Dates in header fields (RFC 9110 §5.6.7). `Date.parse` accepts other texts as well, and reads some of them wrongly. */

/** The obsolete forms, which a recipient must accept: that of RFC 850, and that of C's asctime. */
const rfc850 = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) /;
const asctime = /^(\w{3}) (\w{3}) ([ \d]\d) ([\d:]{8}) (\d{4})$/;

/** Unix ms; `undefined` for any other text. `now`, Unix ms, decides on the century of a year of two digits. */
export function httpDate(text: string, now: number): number | undefined {
  const date = text
    .replace(rfc850, (_, day: string, month: string, year: string) => `Sun, ${day} ${month} ${fullYear(year, now)} `)
    .replace(asctime, '$1, $3 $2 $5 $4 GMT')
    .replace(',  ', ', 0')
    .replace(':60 GMT', ':59 GMT'); // a leap second, which a date may name
  const time = Date.parse(date);
  // A date that is valid is written in the same way again. The name of the day is not compared.
  return date.slice(3) === new Date(time).toUTCString().slice(3) ? time : undefined;
}

/** A year of two digits that appears to be more than 50 years in the future is one of the past (RFC 9110 §5.6.7). */
function fullYear(year: string, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + Number(year);
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
