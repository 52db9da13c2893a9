// Error messages of one kind differ in what they name: ids, numbers, paths, addresses. The template is what stays.

const REPLACEMENTS: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<uuid>'],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)\]]+/gi, '<url>'],
  [/[\w.+-]+@[\w-]+(\.[\w-]+)+/g, '<email>'],
  [/\[[0-9a-f]*(:[0-9a-f]*){2,}\](:\d+)?/gi, '<address>'],
  [/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, '<address>'],
  [/\b[\w-]+(\.[\w-]+)*:\d{2,5}\b/g, '<address>'],
  [/"(?:[^"\\]|\\.)*"|`[^`]*`|(?<![\w])'(?:[^'\\]|\\.)*'(?![\w])/g, '<text>'],
  [/(?<![\w<>/])(?:[A-Za-z]:)?(?:[\\/][\w.@%+~-]+){2,}[\\/]?/g, '<path>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, '<hex>'],
  [/(?<![\w<.-])[-+]?\d+(?:[.,]\d+)*(?=$|[^\w.]|[a-zµ%]{1,3}\b|\.\D|\.$)/gi, '<n>'],
];

const MAX_LENGTH = 400;

/**
 * Returns a message with numbers, hex, UUIDs, quoted strings, paths and addresses replaced by marks, white space
 * folded, and cut at 400 characters. Messages of one kind have one template.
 */
export function messageTemplate(message: string): string {
  let template = message
    .slice(0, MAX_LENGTH * 4)
    .replace(/\s+/g, ' ')
    .trim();
  for (const [pattern, mark] of REPLACEMENTS) template = template.replace(pattern, mark);
  return template.slice(0, MAX_LENGTH);
}
