// A new application has both settings, an older one has none of them. The checks build it with them and without.
const isNew = process.env.CACHE_COMPONENTS === 'on';

export default { cacheComponents: isNew, partialPrefetching: isNew };
