class BookshopPipeline:
    def process_item(self, item):
        return item
